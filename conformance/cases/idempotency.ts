import assert from "node:assert/strict";
import { isStateError, type NewRecord, type SaveReceipt } from "../../src/index.js";
import {
  assertDuplicate,
  assertRecord,
  assertRejectedOnlyWith,
  assertWritten,
  refused,
} from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { HOSTILE_EVENT_IDS } from "../inputs/hostile-names.js";

export const idempotencyCases: readonly ConformanceCase[] = [
  {
    id: "idempotency/retry",
    rule: "A save that is sent again is a duplicate: it succeeds and writes nothing, updatedAt included.",
    async run({ store, identity, record }) {
      const saved = record(identity(), "kind", { updatedAt: new Date("2026-01-01T00:00:00.000Z") });
      await store.save(saved);
      for (const updatedAt of [saved.updatedAt, new Date("2027-01-01T00:00:00.000Z")]) {
        const receipt = await store.save({ ...saved, updatedAt: updatedAt as Date });
        assertDuplicate(receipt, "the same save again");
        assert.equal(receipt.eventId, saved.eventId, "the receipt names the event");
      }
      const { updatedAt: _, ...withoutTime } = saved;
      assertDuplicate(await store.save(withoutTime), "the same save with its time left to the store");
      assertRecord(await store.load(saved.identity, "kind"), saved, "the record as it was first saved");
    },
  },
  {
    id: "idempotency/other-bytes",
    rule: "An event id that comes again with other bytes is IDEMPOTENCY_CONFLICT and writes nothing.",
    async run({ store, identity, record, payload }) {
      const saved = record(identity(), "kind");
      await store.save(saved);
      for (const bytes of [payload(), new Uint8Array(), saved.bytes.subarray(1)]) {
        await conflicts(store, { ...saved, bytes }, "the same event id with other bytes");
      }
      assertRecord(await store.load(saved.identity, "kind"), saved, "the record");
    },
  },
  {
    id: "idempotency/other-version",
    rule: "An event id that comes again with another version is IDEMPOTENCY_CONFLICT.",
    async run({ store, identity, record }) {
      const saved = record(identity(), "kind", { version: 1 });
      await store.save(saved);
      await conflicts(store, { ...saved, version: 2 }, "the same event id with another version");
      assertRecord(await store.load(saved.identity, "kind"), saved, "the record");
    },
  },
  {
    id: "idempotency/other-slot",
    rule: "An event id that comes again in another slot of the tenant is IDEMPOTENCY_CONFLICT, whichever part differs.",
    async run({ store, identity, record }) {
      const saved = record(identity({ run: "run" }), "kind");
      await store.save(saved);
      const { run: _, ...session } = saved.identity;
      const elsewhere: NewRecord[] = [
        { ...saved, kind: "other" },
        { ...saved, identity: { ...saved.identity, run: "other" } },
        { ...saved, identity: session },
        { ...saved, identity: { ...saved.identity, session: "other" } },
        { ...saved, identity: { ...saved.identity, user: "other" } },
      ];
      for (const other of elsewhere) {
        await conflicts(store, other, "the same event id in another slot");
        assert.equal(
          await store.find(other.identity, other.kind),
          undefined,
          "a conflict must write nothing",
        );
      }
    },
  },
  {
    id: "idempotency/tenants-apart",
    rule: "Event ids are scoped to the tenant: two tenants may use the same one and never learn of each other.",
    async run({ store, identity, record }) {
      const mine = record(identity(), "kind");
      const theirs = record(identity(), "other", { eventId: mine.eventId });
      assertWritten(await store.save(mine), "the event id in one tenant");
      assertWritten(await store.save(theirs), "the same event id in another tenant");
      assertRecord(await store.loadByEventId(mine.identity, mine.eventId), mine, "in one tenant");
      assertRecord(await store.loadByEventId(theirs.identity, mine.eventId), theirs, "in the other tenant");
    },
  },
  {
    id: "idempotency/ids-are-literal",
    rule: "Event ids are compared as they are, to the last byte: case, spaces and Unicode forms count.",
    async run({ store, identity, record }) {
      const owner = identity();
      const saved = HOSTILE_EVENT_IDS.map((eventId, index) => record(owner, `kind/${index}`, { eventId }));
      const receipts = await Promise.all(saved.map((each) => store.save(each)));
      for (const [index, each] of saved.entries()) {
        const what = `the event ${JSON.stringify(each.eventId)}`;
        assertWritten(receipts[index] as SaveReceipt, what);
        assertRecord(await store.loadByEventId(owner, each.eventId), each, what);
      }
    },
  },
  {
    id: "idempotency/late-retry-after-overwrite",
    rule: "A late retry, after its record was overwritten, is a duplicate and does not bring the old state back.",
    async run({ store, identity, record }) {
      const old = record(identity(), "kind");
      const current = record(old.identity, "kind");
      await store.save(old);
      await store.save(current);
      assertDuplicate(await store.save(old), "a retry after the record was overwritten");
      assertRecord(await store.load(old.identity, "kind"), current, "the current record");
    },
  },
  {
    id: "idempotency/late-retry-after-delete",
    rule: "A late retry, after its record was deleted, is a duplicate and does not bring the record back.",
    async run({ store, identity, record }) {
      for (const run of ["", "run"]) {
        const old = record({ ...identity(), run }, "kind");
        await store.save(old);
        await store.delete(old.identity, "kind");
        assertDuplicate(await store.save(old), "a retry after the record was deleted");
        assert.equal(await store.find(old.identity, "kind"), undefined, "the slot stays empty");
      }
    },
  },
  {
    id: "idempotency/late-retry-after-erase",
    rule: "A late retry, after its session was erased, is a duplicate and does not bring the record back.",
    async run({ store, identity, record }) {
      const old = record(identity(), "kind");
      await store.save(old);
      await store.erase(old.identity);
      assertDuplicate(await store.save(old), "a retry after the session was erased");
      assert.equal(await store.find(old.identity, "kind"), undefined, "the slot stays empty");
    },
  },
  {
    id: "idempotency/conflict-after-overwrite",
    rule: "The same event id with other content is a conflict also after its record was overwritten.",
    async run({ store, identity, record, payload }) {
      const old = record(identity(), "kind");
      const current = record(old.identity, "kind");
      await store.save(old);
      await store.save(current);
      await conflicts(store, { ...old, bytes: payload() }, "other bytes after the record was overwritten");
      await conflicts(store, { ...old, kind: "other" }, "another slot after the record was overwritten");
      assertRecord(await store.load(old.identity, "kind"), current, "the current record");
    },
  },
  {
    id: "idempotency/conflict-after-delete",
    rule: "The same event id with other content is a conflict also after its record was deleted.",
    async run({ store, identity, record, payload }) {
      const old = record(identity(), "kind");
      await store.save(old);
      await store.delete(old.identity, "kind");
      await conflicts(store, { ...old, bytes: payload() }, "other bytes after the record was deleted");
      await conflicts(store, { ...old, kind: "other" }, "another slot after the record was deleted");
    },
  },
  {
    id: "idempotency/erased-content-is-forgotten",
    rule: "Of an erased record only the event id is kept: any retry is a duplicate, so that nothing confirms a guess.",
    async run({ store, identity, record, payload }) {
      const old = record(identity(), "kind");
      await store.save(old);
      await store.erase(old.identity);
      assertDuplicate(
        await store.save({ ...old, bytes: payload() }),
        "other bytes after the session was erased",
      );
      assertDuplicate(
        await store.save({ ...old, version: 9 }),
        "another version after the session was erased",
      );
      const elsewhere = { ...old, identity: { ...old.identity, session: "other" } };
      assertDuplicate(await store.save(elsewhere), "another slot after the session was erased");
      assert.equal(await store.find(elsewhere.identity, "kind"), undefined, "a duplicate must write nothing");
    },
  },
  {
    id: "idempotency/replay-needs-no-condition",
    rule: "A conditional save whose answer was lost is recognised on retry, though its condition no longer holds.",
    async run({ store, identity, record }) {
      const first = record(identity(), "kind");
      const next = record(first.identity, "kind");
      assertWritten(await store.save(first, { expect: null }), "the save into an empty slot");
      assertDuplicate(await store.save(first, { expect: null }), "its retry");
      assertWritten(await store.save(next, { expect: first.eventId }), "the save on top of it");
      assertDuplicate(await store.save(next, { expect: first.eventId }), "its retry");
      assertDuplicate(await store.save(first, { expect: null }), "a late retry of the first");
      assertRecord(await store.load(first.identity, "kind"), next, "the current record");
    },
  },
  {
    id: "idempotency/refused-is-unseen",
    rule: "A write that was refused leaves its event id unseen: it may come again, with other content too.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const saved = record(owner, "kind");
      await refused("CONDITION_FAILED", "a save on an event that is not there", () =>
        store.save(saved, { expect: "nothing" }),
      );
      await refused("CONDITION_FAILED", "a commit whose check fails", () =>
        store.commit([
          { op: "save", record: saved },
          { op: "check", identity: owner, kind: "other", expect: "nothing" },
        ]),
      );
      const again = { ...saved, bytes: payload() };
      assertWritten(await store.save(again), "the same event id after a refusal");
      assertRecord(await store.load(owner, "kind"), again, "the record");
    },
  },
  {
    id: "idempotency/racing-retries",
    rule: "Of retries that race each other exactly one writes; all of them succeed.",
    async run({ store, identity, record }) {
      const saved = record(identity(), "kind");
      const receipts = await Promise.all(Array.from({ length: 32 }, () => store.save(saved)));
      const writes = receipts.filter(({ duplicate }) => !duplicate);
      assert.equal(writes.length, 1, `of 32 racing retries ${writes.length} were taken for a new write`);
      assertRecord(await store.load(saved.identity, "kind"), saved, "the record");
    },
  },
  {
    id: "idempotency/racing-contents",
    rule: "When one event id races with different contents, one of them is written and the others conflict.",
    async run({ store, identity, record, payload }) {
      const saved = record(identity(), "kind");
      const rivals = Array.from({ length: 16 }, (_, index) => ({
        ...saved,
        kind: `kind/${index}`,
        bytes: payload(),
      }));
      const outcomes = await Promise.allSettled(rivals.map((rival) => store.save(rival)));
      assertRejectedOnlyWith(["IDEMPOTENCY_CONFLICT"], outcomes, "16 contents under one event id");
      const lost = outcomes.filter(
        (outcome) => outcome.status === "rejected" && isStateError(outcome.reason, "IDEMPOTENCY_CONFLICT"),
      );
      assert.equal(lost.length, 15, "15 of 16 contents under one event id must be IDEMPOTENCY_CONFLICT");
      const stored = await store.list(saved.identity, "");
      assert.equal(stored.length, 1, "one of 16 contents under one event id must be stored");
      const winner = outcomes.findIndex(({ status }) => status === "fulfilled");
      assertRecord(stored[0], rivals[winner] as NewRecord, "the one that was acknowledged");
    },
  },
];

async function conflicts(store: CaseContext["store"], record: NewRecord, what: string): Promise<void> {
  const error = await refused("IDEMPOTENCY_CONFLICT", what, () => store.save(record));
  assert.equal(error.details.change, 0, `${what}: a save is change 0 of its commit`);
}
