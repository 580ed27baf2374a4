import { AsyncLocalStorage } from "node:async_hooks";
import { invalid } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import { raceAbort } from "../timing/cancellation.js";

/** The locks that the running code holds. `AsyncLocalStorage` also keeps those released, so each says whether it was. */
const heldLocks = new AsyncLocalStorage<HeldLock>();

interface HeldLock {
  readonly store: StateStore;
  readonly key: string;
  readonly outer: HeldLock | undefined;
  isReleased: boolean;
}

/** Per store and key, the promise that resolves when the last caller in the queue is through. */
const queues = new WeakMap<StateStore, Map<string, Promise<void>>>();

/**
 * Runs the works of this process on the same store and key one after the other, in the order of the calls. So only
 * other processes can make their compare-and-swaps fail. Rejects with the signal's reason when it aborts while the call
 * waits; INVALID_RECORD when the work that holds the lock asks for it again.
 */
export async function runExclusive<R>(
  store: StateStore,
  key: string,
  signal: AbortSignal | undefined,
  work: () => Promise<R>,
): Promise<R> {
  refuseReentry(store, key);
  const queue = queues.get(store) ?? new Map<string, Promise<void>>();
  queues.set(store, queue);
  let release!: () => void;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const previous = queue.get(key);
  const tail = previous === undefined ? released : previous.then(() => released);
  queue.set(key, tail);
  // A caller that stops waiting does not free the key: it stays locked until all callers before it are through.
  void tail.then(() => {
    if (queue.get(key) === tail) queue.delete(key);
  });
  try {
    if (previous !== undefined) await raceAbort(previous, signal);
    return await runHolding(store, key, work);
  } finally {
    release();
  }
}

async function runHolding<R>(store: StateStore, key: string, work: () => Promise<R>): Promise<R> {
  const lock = { store, key, outer: heldLocks.getStore(), isReleased: false };
  try {
    return await heldLocks.run(lock, work);
  } finally {
    lock.isReleased = true;
  }
}

/** Runs work of many callers, which holds none of the locks that one of them may hold. */
export function outsideOfLocks<R>(work: () => R): R {
  return heldLocks.exit(work);
}

/** Work that waited for a lock it holds itself would never end, and neither would the callers behind it. INVALID_RECORD. */
export function refuseReentry(store: StateStore, key: string): void {
  for (let lock = heldLocks.getStore(); lock !== undefined; lock = lock.outer) {
    if (lock.isReleased || lock.store !== store || lock.key !== key) continue;
    throw invalid("work", "free of calls that change what it changes itself: it would wait for its own end");
  }
}
