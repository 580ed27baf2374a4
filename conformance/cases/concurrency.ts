import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { type Identity, isStateError, type NewRecord, type StateStore } from "../../src/index.js";
import { assertDuplicate, assertRecord, assertRejectedOnlyWith } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { eraseOn, increment, savePairs } from "../harness/child-tasks.js";
import { assertErasedWhole, assertUntorn } from "../harness/pair-history.js";
import { readsOf, settled } from "../harness/reads-of.js";
import { assertNoWriteSkew } from "../harness/write-skew.js";

export const concurrencyCases: readonly ConformanceCase[] = [
  {
    id: "concurrency/one-slot",
    rule: "Of 64 writers on one slot each succeeds, each took effect, and one of them is current in the end.",
    async run({ store, identity, record }) {
      const owner = identity();
      const records = Array.from({ length: 64 }, () => record(owner, "kind"));
      const receipts = await Promise.all(records.map((each) => store.save(each)));
      assert.ok(
        receipts.every(({ duplicate }) => !duplicate),
        "64 different events: none is a duplicate",
      );
      const current = await store.load(owner, "kind");
      const winner = records.find(({ eventId }) => eventId === current.eventId);
      assert.ok(winner, "what is current must be one of the 64");
      assertRecord(current, winner, "the current record is one writer's, whole");
      for (const each of records) assertDuplicate(await store.save(each), "a retry of an acknowledged save");
    },
  },
  {
    id: "concurrency/in-the-order-of-calls",
    rule: "Writes on one slot take effect in the order in which they were made.",
    async run({ store, identity, record }) {
      const owner = identity();
      const [a, b, c] = [record(owner, "a"), record(owner, "a"), record(owner, "b")];
      const [, , , existed, chained] = await Promise.all([
        store.save(a),
        store.save(b, { expect: a.eventId }),
        store.save(c),
        store.delete(owner, "b", { expect: c.eventId }),
        store.commit([{ op: "check", identity: owner, kind: "b", expect: null }]),
      ]);
      assert.equal(existed, true, "a delete right behind a save finds its record");
      assert.equal(chained.duplicate, false, "a check right behind a delete holds");
      assertRecord(await store.load(owner, "a"), b, "the later of two saves");
    },
  },
  {
    id: "concurrency/compare-and-swap",
    rule: "Increments by compare-and-swap come out exact, however many count at once.",
    async run({ store, identity }) {
      const task = { identity: identity(), kind: "count", times: 4 };
      await Promise.all(Array.from({ length: 16 }, () => increment(store, task)));
      const count = new TextDecoder().decode((await store.load(task.identity, "count")).bytes);
      assert.equal(count, "64", "16 counters that each counted to 4");
    },
  },
  {
    id: "concurrency/one-winner",
    rule: "Of writers that all expect the same slot to be empty exactly one succeeds.",
    async run({ store, identity, record }) {
      const owner = identity();
      const records = Array.from({ length: 32 }, () => record(owner, "kind"));
      const outcomes = await Promise.allSettled(records.map((each) => store.save(each, { expect: null })));
      assertRejectedOnlyWith(["CONDITION_FAILED"], outcomes, "32 saves that expected an empty slot");
      const won = records.filter((_, index) => outcomes[index]?.status === "fulfilled");
      assert.equal(won.length, 1, `${won.length} of 32 saves that expected an empty slot succeeded`);
      assertRecord(await store.load(owner, "kind"), won[0] as NewRecord, "the winner is current");
    },
  },
  {
    id: "concurrency/neighbours",
    rule: "A write that fails does not fail the writes made beside it.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const seen = record(owner, "seen");
      await store.save(seen);
      const good = Array.from({ length: 20 }, (_, index) => record(owner, `kind/${index}`));
      const outcomes = await Promise.allSettled(
        good.flatMap((each) => [
          store.save({ ...seen, bytes: payload() }),
          store.save(each),
          store.save(record(owner, "seen"), { expect: null }),
        ]),
      );
      const codes = ["IDEMPOTENCY_CONFLICT", "CONDITION_FAILED"] as const;
      assertRejectedOnlyWith(codes, outcomes, "writes made at once");
      const expected = good.flatMap(() => ["IDEMPOTENCY_CONFLICT", "fulfilled", "CONDITION_FAILED"]);
      const actual = outcomes.map((outcome) =>
        outcome.status === "rejected" && isStateError(outcome.reason) ? outcome.reason.code : outcome.status,
      );
      assert.deepEqual(
        actual,
        expected,
        "20 conflicts, 20 good saves and 20 failing conditions, made at once",
      );
      for (const each of good) assertRecord(await store.find(owner, each.kind), each, each.kind);
    },
  },
  {
    id: "concurrency/opposite-orders",
    rule: "Commits over the same slots in opposite orders all succeed, and none of them is torn.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const kinds = ["a", "b", "c", "d"];
      await Promise.all(
        Array.from({ length: 40 }, (_, round) => {
          const bytes = payload();
          const order = round % 2 === 0 ? kinds : kinds.toReversed();
          return store.commit(order.map((kind) => ({ op: "save", record: record(owner, kind, { bytes }) })));
        }),
      );
      const stamps = (await store.list(owner, "")).map(({ bytes }) => Buffer.from(bytes).toString("hex"));
      assert.equal(stamps.length, 4, "slots that were filled");
      assert.equal(new Set(stamps).size, 1, "the four slots must come from one and the same commit");
    },
  },
  {
    id: "concurrency/erase-beside-commits",
    rule: "An erase beside commits takes each commit whole or not at all, and a list never shows half of one.",
    async run({ store, identity, record }) {
      const owner = identity();
      const pairs = { identity: owner, kinds: ["left", "right"], times: 100 };
      const over = record(identity(), "over");
      const looking = async () => {
        for (let round = 0; round < 100; round++) {
          assertUntorn(await store.list(owner, ""));
          await turn();
        }
      };
      const working = Promise.all([savePairs(store, pairs), savePairs(store, pairs), looking()]);
      const [counts] = await Promise.all([
        eraseOn(store, { session: owner, over }),
        working.finally(() => store.save(over)),
      ]);
      assertErasedWhole(counts);
      assertUntorn(await store.list(owner, ""));
    },
  },
  {
    id: "concurrency/write-skew",
    rule: "Of two commits that each check what the other writes exactly one takes effect, whatever sessions they are of.",
    run: (context) => assertNoWriteSkew(context, context.store),
  },
  {
    id: "concurrency/write-skew-between-stores",
    rule: "The same holds for the commits of two stores of one space.",
    needs: "durable",
    run: async (context) => assertNoWriteSkew(context, await context.open(), 3),
  },
  {
    id: "concurrency/own-writes-show",
    rule: "What was acknowledged shows in every read that starts afterwards, whatever the same reads found just before.",
    scans: "tenant",
    async run(context) {
      const owner = context.identity();
      // One after the other, so that no read waits for those of another kind.
      for (const kind of ["a", "b"]) await assertOwnWritesShow(context, owner, kind);
    },
  },
];

/** Saves, deletes, commits and erases in turn, while the same is asked all the time. */
async function assertOwnWritesShow(
  { store, record }: CaseContext,
  owner: Identity,
  kind: string,
): Promise<void> {
  for (let version = 0; version < 8; version++) {
    const saved = record(owner, kind, { version });
    const beside = record({ ...owner, run: "beside" }, kind);
    const another = record({ ...owner, run: "another" }, kind);
    const write = [
      () => store.save(saved),
      () => store.delete(owner, kind),
      () => store.commit([saved, beside, another].map((each) => ({ op: "save", record: each }))),
      () => store.erase(owner),
    ][version % 4] as () => Promise<unknown>;
    await askingMeanwhile(store, saved, write);
    const expected = version % 2 === 1 ? undefined : saved;
    for (const [how, found] of await settled(readsOf(store, saved))) {
      const own = found?.identity.run === undefined ? found : undefined;
      if (expected) assertRecord(own, expected, `${how} after the write was acknowledged`);
      else assert.equal(own, undefined, `${how} after the delete or erase was acknowledged`);
    }
  }
}

/** These reads may see either state, and an answer to them is none to what is asked once the write is acknowledged. */
async function askingMeanwhile(
  store: StateStore,
  place: NewRecord,
  write: () => Promise<unknown>,
): Promise<void> {
  let isOver = false;
  const asking = (async () => {
    while (!isOver) await settled(readsOf(store, place));
  })();
  asking.catch(() => {});
  // The last of them are still under way when the same is asked anew.
  await write().finally(() => {
    isOver = true;
  });
}
