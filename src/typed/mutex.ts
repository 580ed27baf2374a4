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
  /** The keys of locks that its work waits for without bound, in calls within it. */
  readonly awaited: Map<object, string>;
}

/** The callers of one lock. */
interface Queue {
  /** Resolves when the last caller in the queue is through. */
  tail: Promise<void>;
  /** Who has the lock now. */
  holder: HeldLock | undefined;
}

/** Per store and key. */
const queues = new WeakMap<StateStore, Map<string, Queue>>();

/**
 * Runs the works of this process on the same store and key one after the other, in the order of the calls. So only
 * other processes can make their compare-and-swaps fail. Rejects with the signal's reason when it aborts while the call
 * waits; INVALID_RECORD when the work that holds the lock asks for it again, or when its holder waits for a lock that this
 * work holds.
 */
export async function runExclusive<R>(
  store: StateStore,
  key: string,
  signal: AbortSignal | undefined,
  work: () => Promise<R>,
): Promise<R> {
  refuseReentry(store, key);
  const outer = heldLocks.getStore();
  refuseDeadlock(store, key, outer);
  const { queue, previous, release } = enter(store, key);
  const lock: HeldLock = { store, key, outer, isReleased: false, awaited: new Map() };
  try {
    if (previous !== undefined) await whileAwaited(lock, raceAbort(previous, signal));
    queue.holder = lock;
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
  const outer = heldLocks.getStore();
  const lock: HeldLock = { store, key: undefined, outer, isReleased: false, awaited: new Map() };
  let release = () => {};
  const take = async (key: string) => {
    if (lock.key !== undefined || !queues.get(store)?.has(key) || holds(lock, store, key)) return;
    const { queue, previous, release: leave } = enter(store, key);
    release = leave;
    if (await settlesWithin(previous as Promise<void>, PATIENCE_MS, signal)) {
      lock.key = key;
      queue.holder = lock;
    } else leave();
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
): { readonly queue: Queue; readonly previous: Promise<void> | undefined; readonly release: () => void } {
  const ofStore = queues.get(store) ?? new Map<string, Queue>();
  queues.set(store, ofStore);
  let release!: () => void;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const known = ofStore.get(key);
  const previous = known?.tail;
  const tail = previous === undefined ? released : previous.then(() => released);
  const queue = known ?? { tail, holder: undefined };
  queue.tail = tail;
  ofStore.set(key, queue);
  // A caller that stops waiting does not free the key: it stays locked until all callers before it are through.
  void tail.then(() => {
    if (queue.tail === tail) ofStore.delete(key);
  });
  return { queue, previous, release };
}

/** Notes with the locks around a call that it waits for its own. */
async function whileAwaited({ key, store, outer }: HeldLock, waiting: Promise<void>): Promise<void> {
  const call = {};
  const around = [...held(outer)].filter((lock) => lock.store === store);
  for (const lock of around) lock.awaited.set(call, key as string);
  try {
    await waiting;
  } finally {
    for (const lock of around) lock.awaited.delete(call);
  }
}

/** Two works that wait for each other's locks would never end, and neither would the callers behind them. INVALID_RECORD. */
function refuseDeadlock(store: StateStore, wanted: string, outer: HeldLock | undefined): void {
  const own = new Set([...held(outer)].filter((lock) => lock.store === store).map(({ key }) => key));
  if (own.size === 0) return;
  const seen = new Set<string>();
  for (const next = [wanted]; next.length > 0; ) {
    const key = next.pop() as string;
    if (seen.has(key)) continue;
    seen.add(key);
    const { holder } = queues.get(store)?.get(key) ?? {};
    if (holder === undefined || holder.isReleased) continue;
    for (const awaited of holder.awaited.values()) {
      if (own.has(awaited)) throw invalid("work", DEADLOCK_RULE);
      next.push(awaited);
    }
  }
}

const DEADLOCK_RULE =
  "free of calls that wait for work which itself waits for this: make such calls in the same order everywhere";

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
  for (const lock of held(innermost)) if (lock.store === store && lock.key === key) return true;
  return false;
}

/** The locks that are held around a call, the innermost first. */
function* held(innermost: HeldLock | undefined): Generator<HeldLock, void, undefined> {
  for (let lock = innermost; lock !== undefined; lock = lock.outer) if (!lock.isReleased) yield lock;
}
