import assert from "node:assert/strict";
import { maintenanceScope, type NewRecord } from "../../src/index.js";
import { assertRecord, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { numberedKinds, saveMany } from "../harness/save-many.js";

/** More than a driver removes in one piece. */
const MANY = 3_072;

export const largeEraseCases: readonly ConformanceCase[] = [
  {
    id: "large-erase/one-step",
    rule: "An erase of thousands of records is one step: what is read or judged beside it sees all of them or none.",
    scans: "tenant",
    async run(context) {
      const { store, record } = context;
      const { session, saved } = await fill(context);
      const last = saved.at(-1) as NewRecord;
      const scope = maintenanceScope({ reason: "conformance", tenant: session.tenant });
      let isGone = false;
      const seen = (count: number, what: string) => {
        assert.ok(
          count === 0 || (count === MANY && !isGone),
          `${what} beside the erase has ${count} of ${MANY}`,
        );
        isGone ||= count === 0;
      };
      let isOver = false;
      const erasing = store.erase(session).finally(() => {
        isOver = true;
      });
      do {
        seen((await store.list(session, "")).length, "a list");
        // With a limit a scan is one snapshot.
        seen((await store.listKind(scope, "kind/", { limit: 2 * MANY })).length, "a scan");
        if (!isGone) continue;
        assert.equal(
          await store.find(session, last.kind),
          undefined,
          "the last record, once a list was empty",
        );
        await refused("NOT_FOUND", "its event", () => store.loadByEventId(session, last.eventId));
        const expectation = { expect: last.eventId };
        await refused("CONDITION_FAILED", "a condition on it", () =>
          store.save(record(session, last.kind), expectation),
        );
        assert.equal(await store.delete(session, last.kind), false, "a delete of it");
      } while (!isOver);
      // The one that was judged may have been removed for that.
      const count = await erasing;
      assert.ok(count === MANY || count === MANY - 1, `${count} of ${MANY} records were erased`);
      assert.equal(await store.erase(session), 0, "erase of an erased session");
    },
  },
  {
    id: "large-erase/retries-are-duplicates",
    rule: "A retry of a save that a large erase took, beside it or later, is a duplicate whatever its content.",
    async run(context) {
      const { store, record } = context;
      const { session, saved } = await fill(context);
      const retried = saved.filter((_, index) => index % 341 === 0);
      const erasing = store.erase(session);
      const retry = async (when: string) => {
        for (const [index, each] of retried.entries()) {
          const again = index % 2 === 0 ? each : record(session, each.kind, { eventId: each.eventId });
          assert.equal((await store.save(again)).duplicate, true, `a retry of ${each.kind} ${when}`);
          assert.equal(await store.find(session, each.kind), undefined, `${each.kind} after its retry`);
        }
      };
      await retry("beside the erase");
      await erasing;
      await retry("after the erase");
    },
  },
  {
    id: "large-erase/leaves-what-comes-later",
    rule: "What is saved into a session after it was erased stays, however long the erase takes.",
    async run(context) {
      const { store, record } = context;
      const { session, saved } = await fill(context);
      const erasing = store.erase(session);
      const later = [0, 1, MANY - 1].map((index) => record(session, (saved[index] as NewRecord).kind));
      later.push(record({ ...session, run: "new" }, "new"));
      for (const each of later) await store.save(each, { expect: null });
      const overwritten = record(session, (saved[1] as NewRecord).kind);
      await store.save(overwritten, { expect: (later[1] as NewRecord).eventId });
      later[1] = overwritten;
      await erasing;
      for (const each of later) {
        assertRecord(await store.load(each.identity, each.kind), each, "what was saved beside the erase");
        assertRecord(await store.loadByEventId(session, each.eventId), each, "the same, by its event");
      }
      assert.equal((await store.list(session, "")).length, 3, "what a list shows of it");
      assert.equal(await store.erase(session), 4, "how many records the next erase takes");
    },
  },
  {
    id: "large-erase/in-a-commit",
    rule: "An erase of thousands of records in a commit happens with its other changes, and not when a condition fails.",
    async run(context) {
      const { store, record } = context;
      const { session } = await fill(context);
      const outside = { ...session, session: "outside" };
      const mark = record(outside, "mark");
      await store.save(mark);
      const made = record(outside, "new");
      const changes = (expect: string) =>
        [
          { op: "save", record: made },
          { op: "erase", identity: session },
          { op: "delete", identity: outside, kind: "mark", expect },
        ] as const;
      await refused("CONDITION_FAILED", "a large erase beside a condition that fails", () =>
        store.commit(changes("another")),
      );
      assert.equal((await store.list(session, "")).length, MANY, "records after the commit that failed");
      const { erased } = await store.commit(changes(mark.eventId));
      assert.deepEqual(erased, [MANY], "how many records the commit erased");
      assert.deepEqual(await store.list(session, ""), [], "records after the commit");
      assertRecord(await store.find(outside, "new"), made, "what the commit saved");
      assert.equal(await store.find(outside, "mark"), undefined, "what the commit deleted");
    },
  },
];

/** A session with very many records, which are saved. */
async function fill({ store, identity, record }: CaseContext) {
  const session = identity();
  const saved = numberedKinds(MANY).map((kind) => record(session, kind));
  await saveMany(store, saved);
  return { session, saved };
}
