import { AsyncLocalStorage } from "node:async_hooks";
import { invalid } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import { raceAbort, settlesWithin } from "../timing/cancellation.js";

/** The locks that the running code holds. `AsyncLocalStorage` also keeps those released, so each says whether it was. */
const heldLocks = new AsyncLocalStorage<HeldLock>();

interface HeldLock {
  readonly store: StateStore;
  /** `undefined`: none yet. */
  key: string | undefined;
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
  const { previous, release } = enter(store, key);
  const lock = { store, key, outer: heldLocks.getStore(), isReleased: false };
  try {
    if (previous !== undefined) await raceAbort(previous, signal);
    return await heldLocks.run(lock, work);
  } finally {
    lock.isReleased = true;
    release();
  }
}

/** Takes a lock for work that is under way, if others of this process hold it or wait for it. */
export type TakeTurn = (key: string) => Promise<void>;

/** After this a lock is done without: its holder may itself wait for what this work holds from outside. */
const PATIENCE_MS = 2000;

/**
 * Runs work that may take one lock while it runs, and holds it until it has ended. It waits only while it holds none of its
 * own, so that no two works wait for each other.
 */
export async function runTakingTurn<R>(
  store: StateStore,
  signal: AbortSignal | undefined,
  work: (take: TakeTurn) => Promise<R>,
): Promise<R> {
  const lock: HeldLock = { store, key: undefined, outer: heldLocks.getStore(), isReleased: false };
  let release = () => {};
  const take = async (key: string) => {
    if (lock.key !== undefined || !queues.get(store)?.has(key) || holds(lock, store, key)) return;
    const { previous, release: leave } = enter(store, key);
    release = leave;
    if (await settlesWithin(previous as Promise<void>, PATIENCE_MS, signal)) lock.key = key;
    else leave();
    signal?.throwIfAborted();
  };
  try {
    return await heldLocks.run(lock, () => work(take));
  } finally {
    lock.isReleased = true;
    release();
  }
}

/** Joins the queue of a lock: the caller has it when the one before is through. */
function enter(
  store: StateStore,
  key: string,
): { readonly previous: Promise<void> | undefined; readonly release: () => void } {
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
  return { previous, release };
}

/** Runs work of many callers, which holds none of the locks that one of them may hold. */
export function outsideOfLocks<R>(work: () => R): R {
  return heldLocks.exit(work);
}

/** Work that waited for a lock it holds itself would never end, and neither would the callers behind it. INVALID_RECORD. */
export function refuseReentry(store: StateStore, key: string): void {
  if (holds(heldLocks.getStore(), store, key))
    throw invalid("work", "free of calls that change what it changes itself: it would wait for its own end");
}

/** Whether one of these locks is that of the key. */
function holds(innermost: HeldLock | undefined, store: StateStore, key: string): boolean {
  for (let lock = innermost; lock !== undefined; lock = lock.outer)
    if (!lock.isReleased && lock.store === store && lock.key === key) return true;
  return false;
}
