import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { NewRecord, SaveReceipt, StateStore } from "../../src/index.js";
import { assertDuplicate, assertRecord, assertWritten, broken, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";

const WINDOW_MS = 150;
/** The database's clock may tick coarsely and is not this process's. */
const PAST_MS = 500;
/** Where a busy machine lets a window pass before the retry, the next one is tried. All of them fit into the limit of a case. */
const WINDOWS_MS = [1_250, 2_500, 8_000];
/** The part of its window after which an event id is sent again. */
const LATE = 0.6;

/** So long that the same begun anew at three quarters of it would still go on when the first is over. */
const SLIDING_MS = [2_000, 4_000, 8_000];

type Later = (store: StateStore, record: NewRecord, context: CaseContext) => Promise<unknown>;

/** What may become of a record late in the window of its event. It is current no more in the end. */
const LATER: readonly (readonly [what: string, later: Later])[] = [
  ["overwritten", (store, { identity, kind }, { record }) => store.save(record(identity, kind))],
  ["deleted", (store, { identity, kind }) => store.delete(identity, kind)],
  ["erased", (store, { identity }) => store.erase(identity)],
  ["erased by prefix", (store, { identity, kind }) => store.erase(identity, { prefix: kind })],
  [
    "overwritten and retried",
    async (store, saved, { record }) => {
      await store.save(record(saved.identity, saved.kind));
      await store.save(saved);
    },
  ],
];

/** Records of which each was changed at three quarters of its window, or `late` when that may have been over by then. */
async function changedLate(context: CaseContext, windowMs: number) {
  const store = await context.openAlone({ idempotencyWindowMs: windowMs });
  const begun = performance.now();
  const saved = await Promise.all(LATER.map(([what]) => savedAlone(context, store, what)));
  await sleep(0.75 * windowMs);
  await Promise.all(LATER.map(([, later], index) => later(store, saved[index] as NewRecord, context)));
  return { late: performance.now() - begun >= windowMs, store, saved };
}

/** A record in a session of its own. */
async function savedAlone(
  { identity, record }: CaseContext,
  store: StateStore,
  what: string,
): Promise<NewRecord> {
  const saved = record(identity({ session: what }), "kind");
  await store.save(saved);
  return saved;
}

export const windowCases: readonly ConformanceCase[] = [
  {
    id: "window/seen-until-it-ends",
    needsQuiet: true,
    rule: "An event id whose record is gone stays seen through its window, whatever else is saved meanwhile.",
    async run(context) {
      for (const windowMs of WINDOWS_MS) {
        const { late, receipts } = await retriedLate(context, windowMs);
        if (late) continue;
        for (const [kind, receipt] of receipts)
          assertDuplicate(receipt, `a retry of the ${kind} record at ${100 * LATE} % of its window`);
        return;
      }
      throw tooBusy();
    },
  },
  {
    id: "window/whichever-store-asks",
    needsQuiet: true,
    needs: "durable",
    rule: "An event id is within its window for every store of its space, whether that was opened long before or just now.",
    async run(context) {
      for (const windowMs of WINDOWS_MS) {
        const old = await context.openAlone({ idempotencyWindowMs: windowMs });
        await sleep(windowMs + 100);
        const stores = [old, await context.openAgain(old, { idempotencyWindowMs: windowMs })];
        const begun = performance.now();
        const saved = await Promise.all(stores.map((store, index) => savedAlone(context, store, `${index}`)));
        for (const [index, each] of saved.entries()) await stores[index]?.delete(each.identity, each.kind);
        const retries = await Promise.all(saved.map((each, index) => stores.at(index - 1)?.save(each)));
        if (performance.now() - begun >= windowMs) continue;
        for (const receipt of retries)
          assertDuplicate(receipt as SaveReceipt, "a retry by the other store, at once");
        return;
      }
      throw tooBusy();
    },
  },
  {
    id: "window/overwritten-id-ends",
    needsQuiet: true,
    rule: "An event id whose record was overwritten counts as unseen once its window has passed, removed yet or not.",
    async run({ openAlone, identity, record, payload }) {
      const store = await openAlone({ idempotencyWindowMs: WINDOW_MS });
      const old = record(identity(), "kind");
      const current = record(old.identity, "kind");
      await store.save(old);
      await store.save(current);
      await sleep(PAST_MS);
      const again = { ...old, bytes: payload() };
      assertWritten(await store.save(again, { expect: current.eventId }), "an event id past its window");
      assertRecord(await store.load(old.identity, "kind"), again, "the record");
    },
  },
  {
    id: "window/deleted-id-ends",
    needsQuiet: true,
    rule: "An event id whose record was deleted or erased counts as unseen once its window has passed.",
    async run({ openAlone, identity, record, payload }) {
      const store = await openAlone({ idempotencyWindowMs: WINDOW_MS });
      const [deleted, erased] = [record(identity(), "kind"), record(identity(), "kind")];
      for (const each of [deleted, erased]) await store.save(each);
      await store.delete(deleted.identity, "kind");
      await store.erase(erased.identity);
      await sleep(PAST_MS);
      for (const each of [deleted, erased]) {
        const again = { ...each, kind: "other", bytes: payload() };
        assertWritten(await store.save(again), "an event id past its window");
        assertRecord(
          await store.loadByEventId(each.identity, each.eventId),
          again,
          "the record by its event id",
        );
      }
    },
  },
  {
    id: "window/current-stays-seen",
    needsQuiet: true,
    rule: "An event id stays seen as long as its record is current, however long ago that was saved.",
    async run({ openAlone, identity, record, payload }) {
      const store = await openAlone({ idempotencyWindowMs: WINDOW_MS });
      const saved = record(identity(), "kind");
      await store.save(saved);
      await sleep(PAST_MS);
      for (let round = 0; round < 12; round++) await store.save(record(identity(), "kind"));
      assertDuplicate(await store.save(saved), "a retry of the current event past its window");
      await refused("IDEMPOTENCY_CONFLICT", "other bytes under the current event id past its window", () =>
        store.save({ ...saved, bytes: payload() }),
      );
      assertRecord(await store.loadByEventId(saved.identity, saved.eventId), saved, "the current record");
    },
  },
  {
    id: "window/starts-anew",
    needsQuiet: true,
    rule: "An event id that was used again past its window is seen with its new content.",
    async run(context) {
      for (const windowMs of WINDOWS_MS) {
        const { late, retry, other } = await usedAgain(context, windowMs);
        if (late) continue;
        assertDuplicate(await retry, "a retry with its new content");
        await refused("IDEMPOTENCY_CONFLICT", "a retry with its old content", () => other);
        return;
      }
      throw tooBusy();
    },
  },
  {
    id: "window/from-the-save",
    needsQuiet: true,
    rule: "The window begins with the save: retries do not lengthen it, nor does what becomes of the record later.",
    async run(context) {
      for (const windowMs of SLIDING_MS) {
        const { late, store, saved } = await changedLate(context, windowMs);
        if (late) continue;
        await sleep(0.25 * windowMs + PAST_MS);
        for (const [index, [what]] of LATER.entries()) {
          const again = { ...(saved[index] as NewRecord), kind: "other", bytes: context.payload() };
          const receipt = await store.save(again).catch((error: unknown) => {
            throw broken(`an event id past its window, of a record that was ${what}`, error);
          });
          assertWritten(receipt, `an event id past its window, of a record that was ${what}`);
        }
        return;
      }
      throw tooBusy();
    },
  },
  {
    id: "window/not-by-updated-at",
    needsQuiet: true,
    rule: "The window is measured by a clock and never by updatedAt.",
    async run({ openAlone, identity, record }) {
      const owner = identity();
      const [ancient, future] = [new Date("1970-01-01T00:00:00Z"), new Date("9999-01-01T00:00:00Z")];
      const long = await openAlone();
      const old = record(owner, "kind", { updatedAt: ancient });
      await long.save(old);
      await long.save(record(owner, "kind", { updatedAt: ancient }));
      assertDuplicate(await long.save(old), "a retry within the window, updatedAt in 1970");
      const short = await openAlone({ idempotencyWindowMs: WINDOW_MS });
      const late = record(owner, "kind", { updatedAt: future });
      await short.save(late);
      await short.save(record(owner, "kind", { updatedAt: future }));
      await sleep(PAST_MS);
      assertWritten(await short.save(late), "an event id past its window, updatedAt in 9999");
    },
  },
  {
    id: "window/forgetting-keeps-records",
    needsQuiet: true,
    rule: "Forgetting event ids touches no record, and a commit whose records are all current stays a replay.",
    async run({ openAlone, identity, record }) {
      const store = await openAlone({ idempotencyWindowMs: WINDOW_MS });
      const owner = identity();
      const saved = Array.from({ length: 20 }, (_, index) =>
        record(owner, `kind/${String(index).padStart(2, "0")}`),
      );
      const commit = saved.map((each) => ({ op: "save" as const, record: each }));
      await store.commit(commit);
      for (let round = 0; round < 20; round++) await store.save(record(owner, "busy"));
      await sleep(PAST_MS);
      for (let round = 0; round < 20; round++) await store.save(record(owner, "busy"));
      const listed = await store.list(owner, "kind/");
      assert.equal(listed.length, saved.length, "records after their event ids' window has passed");
      for (const [index, each] of saved.entries()) assertRecord(listed[index], each, each.kind);
      assertDuplicate(await store.commit(commit), "a replay of saves that are all current");
    },
  },
];

/** What becomes of event ids that come again late in their window, or `late` when it may have passed by then. */
async function retriedLate({ openAlone, identity, record }: CaseContext, windowMs: number) {
  const store = await openAlone({ idempotencyWindowMs: windowMs });
  const owner = identity();
  const kinds = ["overwritten", "deleted", "erased"] as const;
  const begun = performance.now();
  const saved = kinds.map((kind) =>
    record(kind === "erased" ? { ...owner, session: "erased" } : owner, kind),
  );
  for (const each of saved) await store.save(each);
  await store.save(record(owner, "overwritten"));
  await store.delete(owner, "deleted");
  await store.erase({ ...owner, session: "erased" });
  await sleep(LATE * windowMs);
  // Drivers forget as they save.
  for (let round = 0; round < 5; round++) await store.save(record(owner, "busy"));
  const receipts = new Map<string, SaveReceipt>();
  for (const each of saved) receipts.set(each.kind, await store.save(each));
  return { late: performance.now() - begun >= windowMs, receipts };
}

/** An event id that is used again past its window, with retries of both contents, and whether these came within the new one. */
async function usedAgain({ openAlone, identity, record, payload }: CaseContext, windowMs: number) {
  const store = await openAlone({ idempotencyWindowMs: windowMs });
  const old = record(identity(), "kind");
  await store.save(old);
  await store.delete(old.identity, "kind");
  await sleep(windowMs + PAST_MS);
  const again = { ...old, bytes: payload() };
  const begun = performance.now();
  assertWritten(await store.save(again), "an event id past its window");
  await store.delete(old.identity, "kind");
  const retry = store.save(again);
  await retry.catch(() => undefined);
  const other = store.save(old);
  await other.catch(() => undefined);
  return { late: performance.now() - begun >= windowMs, retry, other };
}

function tooBusy(): Error {
  return broken("retries came only after their window had passed: this machine is too busy to tell");
}
