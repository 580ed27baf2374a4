import { nextTick } from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import {
  type CallOptions,
  type Change,
  type CommitReceipt,
  isStateError,
  type ListOptions,
  type NewRecord,
  type SaveOptions,
  type SaveReceipt,
  StateError,
  type StateRecord,
  type StateStore,
} from "../../src/index.js";
import { brokenStore, type Mutant } from "./mutant.js";

/** Stores that are wrong about when: what an abort ends, what close waits for, what happens beside what. */
export const timingMutants: readonly Mutant[] = [
  brokenStore("ignores-signals", "abort/before-a-write", (store) => ({
    save: (record, { signal: _, ...options } = {}) => store.save(record, options),
  })),
  brokenStore("has-a-reason-of-its-own", "abort/reads", (store) => ({
    find: (identity, kind, options) =>
      store.find(identity, kind, options).catch((error: unknown) => {
        throw options?.signal?.aborted ? new Error("aborted") : error;
      }),
  })),
  brokenStore("gives-up-on-writes-under-way", "abort/outcome-is-true", (store) => ({
    async save(record, { signal, ...options }: SaveOptions = {}) {
      signal?.throwIfAborted();
      const aborted = new Promise<SaveReceipt>((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      return Promise.race([store.save(record, options), aborted]);
    },
  })),
  brokenStore("takes-writes-back", "abort/too-late", (store) => {
    let taken: Promise<unknown> = Promise.resolve();
    return {
      async save(record, options) {
        const receipt = await store.save(record, options);
        const { identity, kind } = record;
        nextTick(() => {
          if (options?.signal?.aborted) taken = store.delete(identity, kind).catch(() => {});
        });
        return receipt;
      },
      async find(identity, kind, options) {
        await taken;
        return store.find(identity, kind, options);
      },
    };
  }),
  brokenStore("aborts-whole-batches", "abort/neighbours", (store) => {
    const underWay = new Set<AbortSignal>();
    return {
      async save(record, options) {
        if (options?.signal) underWay.add(options.signal);
        const receipt = await store.save(record, options);
        for (const signal of underWay) signal.throwIfAborted();
        return receipt;
      },
    };
  }),
  brokenStore("leaves-listeners-behind", "abort/signal-is-let-go", (store) => ({
    find(identity, kind, options: CallOptions = {}) {
      options.signal?.addEventListener("abort", () => {});
      return store.find(identity, kind, options);
    },
  })),
  brokenStore("serves-after-close", "close/refuses-later-calls", () => ({ close: async () => {} })),
  brokenStore("writes-though-it-says-closed", "close/refused-writes-nothing", (store) => {
    let isClosing = false;
    const isRefused = () => {
      if (isClosing) throw new StateError("STORE_CLOSED", "the store is closing", { details: {} });
    };
    return {
      async save(record, options) {
        const receipt = await store.save(record, options);
        isRefused();
        return receipt;
      },
      async delete(identity, kind, options) {
        isRefused();
        return store.delete(identity, kind, options);
      },
      async commit(changes, options) {
        isRefused();
        return store.commit(changes, options);
      },
      async erase(identity, options) {
        isRefused();
        return store.erase(identity, options);
      },
      async close(options) {
        isClosing = true;
        await turn();
        return store.close(options);
      },
    };
  }),
  brokenStore("is-not-disposed-of", "close/await-using", () => ({ [Symbol.asyncDispose]: async () => {} })),
  brokenStore("closes-once-only", "close/idempotent", (store) => {
    let isClosing = false;
    return {
      close(options) {
        if (isClosing) return Promise.reject(new Error("closing already"));
        isClosing = true;
        return store.close(options).finally(() => {
          isClosing = false;
        });
      },
    };
  }),
  brokenStore("drops-writes-at-close", "close/writes-finish", (store) => ({
    async save(record, options) {
      await turn();
      return store.save(record, options);
    },
  })),
  brokenStore("says-done-when-it-gives-up", "close/in-time", (store) => {
    let isHurried = false;
    return {
      async save(record, options) {
        const saving = store.save(record, options);
        const { eventId } = record ?? {};
        return saving.catch((error: unknown) => {
          if (!isHurried || !isStateError(error, "OUTCOME_UNKNOWN")) throw error;
          return { eventId, duplicate: false };
        });
      },
      close(options) {
        isHurried = options?.signal !== undefined || options?.timeoutMs !== undefined;
        return store.close(options);
      },
    };
  }),
  brokenStore("accepts-while-closing", "close/refuses-at-once", (store) => ({
    async close(options) {
      await turn();
      await turn();
      return store.close(options);
    },
  })),
  brokenStore("does-not-know-it-was-closed", "close/reads-settle", (store) => {
    let isClosed = false;
    return {
      async list(identity, prefix, options) {
        const wasOpen = !isClosed;
        await turn();
        return store.list(identity, prefix, options as ListOptions).catch((error: unknown) => {
          throw wasOpen && isStateError(error, "STORE_CLOSED") ? new Error("cannot read") : error;
        });
      },
      close(options) {
        isClosed = true;
        return store.close(options);
      },
    };
  }),
  brokenStore("saves-out-of-order", "concurrency/in-the-order-of-calls", (store) => ({
    async save(record, options) {
      if (options?.expect === undefined) await turn();
      return store.save(record, options);
    },
  })),
  brokenStore("erases-out-of-order", "erase/in-order", (store) => ({
    async erase(identity, options) {
      await turn();
      return store.erase(identity, options);
    },
  })),
  brokenStore("keeps-the-last-of-a-burst", "concurrency/one-slot", (store) => {
    let latest: NewRecord | undefined;
    return {
      async save(record, options) {
        latest = record;
        await turn();
        if (record === latest) return store.save(record, options);
        return { eventId: record.eventId, duplicate: false };
      },
    };
  }),
  brokenStore("checks-then-writes", "concurrency/compare-and-swap", (store) => ({
    async save(record, { expect, ...options }: SaveOptions = {}) {
      if (expect === undefined) return store.save(record, options);
      const current = (await store.find(record.identity, record.kind))?.eventId ?? null;
      if (current === expect) return store.save(record, options);
      return store.save(record, { ...options, expect });
    },
  })),
  brokenStore("checks-for-nothing-then-writes", "concurrency/one-winner", (store) => ({
    async save(record, { expect, ...options }: SaveOptions = {}) {
      if (expect !== null) return store.save(record, expect === undefined ? options : { ...options, expect });
      const empty = (await store.find(record.identity, record.kind)) === undefined;
      return store.save(record, empty ? options : { ...options, expect });
    },
  })),
  brokenStore("commits-one-by-one", "concurrency/opposite-orders", (store) => ({
    async commit(changes, options) {
      const receipts: SaveReceipt[] = [];
      for (const change of changes) receipts.push(...(await store.commit([change], options)).receipts);
      return { duplicate: false, receipts };
    },
  })),
  brokenStore("looks-at-what-it-checks-first", "concurrency/write-skew", (store) => ({
    commit: (changes, options) => checkedBefore(store, changes, options),
  })),
  brokenStore("keeps-others-out-of-one-store-only", "concurrency/write-skew-between-stores", (store) => {
    let last: Promise<unknown> = Promise.resolve();
    return {
      commit(changes, options) {
        const made = last.then(() => checkedBefore(store, changes, options));
        last = made.catch(() => {});
        return made;
      },
    };
  }),
  brokenStore("fails-whole-batches", "concurrency/neighbours", (store) => {
    let batch: Promise<SaveReceipt>[] = [];
    return {
      async save(record, options) {
        const mine = batch;
        mine.push(store.save(record, options));
        const [outcome] = await Promise.allSettled([mine.at(-1) as Promise<SaveReceipt>]);
        batch = [];
        await Promise.all(mine);
        if (outcome.status === "rejected") throw outcome.reason;
        return outcome.value;
      },
    };
  }),
  brokenStore("lists-in-pieces", "concurrency/erase-beside-commits", (store) => ({
    async list(identity, prefix, options) {
      const seen: StateRecord[] = [];
      for (const { kind } of await store.list(identity, prefix, options as ListOptions)) {
        await turn();
        const record = await store.find(identity, kind);
        if (record) seen.push(record);
      }
      return seen;
    },
  })),
  brokenStore("reads-what-was", "concurrency/own-writes-show", (store) => {
    const seen = new Map<string, StateRecord>();
    return {
      async find(identity, kind, options) {
        const slot = JSON.stringify([identity, kind]);
        const record = await store.find(identity, kind, options);
        const before = seen.get(slot) ?? record;
        if (record) seen.set(slot, record);
        return before;
      },
    };
  }),
];

/** Makes the commit without its checks, if they hold before it. */
async function checkedBefore(
  store: StateStore,
  changes: readonly Change[],
  options?: CallOptions,
): Promise<CommitReceipt> {
  const isCheck = ({ op }: Change) => op === "check";
  const checks = changes.filter(isCheck);
  if (checks.length === 0 || checks.length === changes.length) return store.commit(changes, options);
  await store.commit(checks, options);
  await turn();
  return store.commit(
    changes.filter((change) => !isCheck(change)),
    options,
  );
}
