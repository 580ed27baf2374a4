import assert from "node:assert/strict";
import {
  type Change,
  type Expect,
  maintenanceScope,
  type NewRecord,
  type StateStore,
} from "../../src/index.js";
import { assertDuplicate, assertRecord, assertWritten, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";

type Empty = (store: StateStore, record: NewRecord, context: CaseContext) => Promise<unknown>;

/** Every way to empty a slot. */
const WAYS_TO_EMPTY: Readonly<Record<string, Empty>> = {
  delete: (store, { identity, kind }) => store.delete(identity, kind),
  "delete of the current event": (store, { identity, kind, eventId }) =>
    store.delete(identity, kind, { expect: eventId }),
  "commit of a delete": (store, { identity, kind }) => store.commit([{ op: "delete", identity, kind }]),
  "commit of a delete and a save": (store, { identity, kind }, { record }) =>
    store.commit([
      { op: "delete", identity, kind },
      { op: "save", record: record(identity, "beside") },
    ]),
  "commit of three changes": (store, { identity, kind }, { record }) =>
    store.commit([
      { op: "save", record: record(identity, "beside") },
      { op: "delete", identity, kind },
      { op: "check", identity, kind: "none", expect: null },
    ]),
  erase: (store, { identity }) => store.erase(identity),
  "erase by prefix": (store, { identity, kind }) => store.erase(identity, { prefix: kind }),
};

/** Every state that a slot and its event ids can be in, asked for what it does to conditions, retries and reads. */
export const everyStateCases: readonly ConformanceCase[] = [
  {
    id: "conditions/events-of-earlier-times",
    rule: "A condition holds for the current event alone, and for none that the slot had before, whatever emptied it since.",
    async run(context) {
      const { store, record } = context;
      for (const [how, empty] of Object.entries(WAYS_TO_EMPTY)) {
        const owner = context.identity();
        const past: string[] = [];
        for (let round = 0; round < 2; round++)
          for (let version = 0; version < 2; version++) {
            const saved = record(owner, "kind", { version });
            await store.save(saved);
            for (const expect of past)
              await refused("CONDITION_FAILED", `a save that expects an event from before the ${how}`, () =>
                store.save(record(owner, "kind"), { expect }),
              );
            await store.commit([{ op: "check", identity: owner, kind: "kind", expect: saved.eventId }]);
            past.push(saved.eventId);
            if (version === 1) await empty(store, saved, context);
          }
        await store.commit([{ op: "check", identity: owner, kind: "kind", expect: null }]);
      }
    },
  },
  {
    id: "delete/every-way-after-overwrites",
    rule: "However a slot is emptied, and however often it was overwritten before, nothing of it comes back.",
    scans: "tenant",
    async run(context) {
      const { store, record } = context;
      for (const [how, empty] of Object.entries(WAYS_TO_EMPTY))
        for (let times = 1; times < 4; times++) {
          const owner = context.identity();
          const saved = Array.from({ length: times }, (_, version) => record(owner, "kind", { version }));
          for (const each of saved) await store.save(each);
          await empty(store, saved.at(-1) as NewRecord, context);
          const what = `after ${times} saves and a ${how}`;
          assert.equal(await store.find(owner, "kind"), undefined, `find ${what}`);
          assert.deepEqual(await store.list(owner, "kind"), [], `a list ${what}`);
          assert.equal(await store.count(owner, "kind"), 0, `count ${what}`);
          const scope = maintenanceScope({ reason: "conformance", tenant: owner.tenant });
          assert.deepEqual(await store.listKind(scope, "kind"), [], `a scan ${what}`);
          for (const { eventId } of saved)
            await refused("NOT_FOUND", `loadByEventId ${what}`, () => store.loadByEventId(owner, eventId));
        }
    },
  },
  {
    id: "idempotency/whatever-is-expected",
    rule: "A retry is a duplicate whatever it expects, also what is current now, and whatever has become of its record.",
    async run(context) {
      const { store, record, payload } = context;
      const later: Readonly<Record<string, Empty>> = {
        "is current": async () => {},
        "was overwritten": (each, { identity, kind }) => each.save(record(identity, kind)),
        ...Object.fromEntries(Object.entries(WAYS_TO_EMPTY).map(([how, empty]) => [`went by ${how}`, empty])),
      };
      for (const [what, become] of Object.entries(later)) {
        const saved = record(context.identity(), "kind");
        await store.save(saved);
        await become(store, saved, context);
        const current = (await store.find(saved.identity, "kind"))?.eventId ?? null;
        for (const expect of [current, null, saved.eventId, "another"] as Expect[]) {
          assertDuplicate(await store.save(saved, { expect }), `a retry of a save whose record ${what}`);
          const replay = await store.commit([{ op: "save", record: saved, expect }]);
          assertDuplicate(replay, `a replay in a commit, of a save whose record ${what}`);
        }
        if (!what.includes("erase"))
          await refused(
            "IDEMPOTENCY_CONFLICT",
            `other bytes under the event id of a record that ${what}`,
            () => store.save({ ...saved, bytes: payload() }, { expect: current }),
          );
        assert.equal(
          (await store.find(saved.identity, "kind"))?.eventId ?? null,
          current,
          `the slot, ${what}`,
        );
      }
    },
  },
  {
    id: "commit/replay-in-any-order",
    rule: "A commit whose saves were all seen is a replay, in whatever order they come and whatever they came with before.",
    async run({ store, identity, record }) {
      const owner = identity();
      const [a, b, c] = ["a", "b", "c"].map(
        (kind): Change => ({ op: "save", record: record(owner, kind) }),
      ) as [Change, Change, Change];
      await store.commit([a, b]);
      await store.commit([c]);
      const elsewhere: Change = { op: "delete", identity: owner, kind: "d" };
      for (const changes of [[a, b], [b, a], [b], [c, a], [c, b, a], [elsewhere, a], [b, elsewhere, a]])
        assertDuplicate(await store.commit(changes), `a replay of ${changes.length} changes`);
      assert.equal(await store.count(owner, ""), 3, "records");
    },
  },
  {
    id: "identity/no-run-has-no-name",
    rule: "What belongs to a session itself is not what belongs to a run, whatever name that has.",
    scans: "tenant",
    async run({ store, identity, record }) {
      for (const run of [
        "default",
        "none",
        "null",
        "main",
        "root",
        "session",
        "-",
        "_",
        "*",
        "0",
        " ",
        "undefined",
      ]) {
        const owner = identity();
        const ofRun = { ...owner, run };
        const saved = record(owner, "kind");
        await store.save(saved);
        assert.equal(
          await store.find(ofRun, "kind"),
          undefined,
          `a run that is called ${JSON.stringify(run)}`,
        );
        await store.save(record(ofRun, "kind"));
        assertRecord(await store.find(owner, "kind"), saved, "the session's own record");
        assert.equal((await store.list(owner, "")).length, 1, "the session's own records");
        assert.equal(await store.erase(ofRun, { prefix: "" }), 1, "records of the run");
        assertRecord(
          await store.find(owner, "kind"),
          saved,
          "the session's own record, once the run is erased",
        );
      }
    },
  },
  {
    id: "commit/whole-records",
    rule: "A record comes back whole, its version and time included, however many changes its commit had, and of which kinds.",
    async run(context) {
      const { store, record } = context;
      for (const count of [1, 2, 3, 26])
        for (const beside of [[], ["delete", "check"]]) {
          const owner = context.identity();
          // Once into empty slots, once over what is there.
          for (let version = 1; version < 3; version++) {
            const saved = Array.from({ length: count }, (_, index) =>
              record(owner, `kind/${index}`, { version, updatedAt: new Date(version * 86_400_000 + index) }),
            );
            const changes: Change[] = saved.map((each) => ({ op: "save", record: each }));
            if (beside.includes("delete")) changes.push({ op: "delete", identity: owner, kind: "none" });
            if (beside.includes("check"))
              changes.unshift({ op: "check", identity: owner, kind: "nothing", expect: null });
            assertWritten(await store.commit(changes), `a commit of ${changes.length} changes`);
            const listed = new Map((await store.list(owner, "")).map((each) => [each.kind, each]));
            const headers = new Map(
              (await store.list(owner, "", { bytes: false })).map((each) => [each.kind, each]),
            );
            for (const each of saved.slice(0, 5)) {
              const what = `${each.kind} of a commit of ${changes.length} changes`;
              assertRecord(await store.find(owner, each.kind), each, what);
              assertRecord(listed.get(each.kind), each, `${what}, in a list`);
              const header = headers.get(each.kind);
              assert.deepEqual(
                [header?.version, header?.updatedAt.getTime(), header?.eventId],
                [each.version, each.updatedAt?.getTime(), each.eventId],
                `${what}, without its payload`,
              );
            }
          }
        }
    },
  },
];
