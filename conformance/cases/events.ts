import assert from "node:assert/strict";
import type { Identity, NewRecord } from "../../src/index.js";
import { assertRecord, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";

export const eventCases: readonly ConformanceCase[] = [
  {
    id: "events/current",
    rule: "loadByEventId finds a record while its event is current, whatever run is asked with.",
    async run({ store, identity, record }) {
      const session = identity();
      const saved = [record(session, "kind"), record({ ...session, run: "run" }, "kind")];
      for (const each of saved) {
        await store.save(each);
        for (const run of ["", "run", "other"]) {
          const found = await store.loadByEventId({ ...session, run }, each.eventId);
          assertRecord(found, each, `asked with run ${JSON.stringify(run)}`);
        }
      }
    },
  },
  {
    id: "events/not-found-before",
    rule: "loadByEventId finds a record once it is saved, though it was asked for the event before.",
    async run({ store, identity, record }) {
      const owner = identity();
      const all = ["a", "b", "c"].map((kind) => record(owner, kind));
      const [saved, ...committed] = all as [NewRecord, NewRecord, NewRecord];
      for (const each of all) {
        await refused("NOT_FOUND", `the event of ${each.kind} before it was saved`, () =>
          store.loadByEventId(each.identity, each.eventId),
        );
      }
      await store.save(saved);
      await store.commit(committed.map((each) => ({ op: "save", record: each })));
      for (const each of all)
        assertRecord(
          await store.loadByEventId(each.identity, each.eventId),
          each,
          `the event of ${each.kind}`,
        );
    },
  },
  {
    id: "events/no-longer-current",
    rule: "loadByEventId says NOT_FOUND once the event is no longer current: overwritten, deleted or erased.",
    async run({ store, identity, record }) {
      const owner = identity();
      const [overwritten, deleted, erased] = [
        record(owner, "a"),
        record(owner, "b"),
        record(identity(), "c"),
      ];
      for (const each of [overwritten, deleted, erased]) await store.save(each);
      const newer = record(owner, "a");
      await store.save(newer);
      await store.delete(owner, "b");
      await store.erase(erased.identity);
      for (const each of [overwritten, deleted, erased]) {
        await refused("NOT_FOUND", `the event of ${each.kind}`, () =>
          store.loadByEventId(each.identity, each.eventId),
        );
      }
      assertRecord(await store.loadByEventId(owner, newer.eventId), newer, "the event that is current");
    },
  },
  {
    id: "events/tells-others-nothing",
    rule: "loadByEventId tells another tenant, user or session nothing: NOT_FOUND, the same as for an unknown event.",
    async run({ store, identity, record }) {
      const saved = record(identity(), "kind");
      await store.save(saved);
      const others: Identity[] = [
        identity({ user: saved.identity.user, session: saved.identity.session }),
        { ...saved.identity, user: "other" },
        { ...saved.identity, session: "other" },
      ];
      for (const other of others) {
        const existing = await refused("NOT_FOUND", "another's event", () =>
          store.loadByEventId(other, saved.eventId),
        );
        const unknown = await refused("NOT_FOUND", "an unknown event", () =>
          store.loadByEventId(other, "unknown"),
        );
        assert.equal(
          existing.message,
          unknown.message,
          "the message must not tell an existing event from none",
        );
        assert.deepEqual(existing.details, unknown.details, "nor the details");
        assert.equal(existing.cause, unknown.cause, "nor the cause");
      }
    },
  },
];
