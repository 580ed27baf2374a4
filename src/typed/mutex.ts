import { AsyncLocalStorage } from "node:async_hooks";
import { invalid } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import { unlessAborted } from "./unless-aborted.js";

/** The turns that the running code has, each until it is over. */
const holder = new AsyncLocalStorage<Holder>();

interface Holder {
  readonly store: StateStore;
  readonly key: string;
  readonly outer: Holder | undefined;
  isOver: boolean;
}

const lines = new WeakMap<StateStore, Map<string, Promise<void>>>();

/**
 * Lets the callers of one process that are after the same thing go one by one, so that only other processes are in
 * their way. Rejects with the signal's reason when it aborts before the caller's turn; INVALID_RECORD when the caller is
 * called by work that has the turn.
 */
export async function runExclusive<R>(
  store: StateStore,
  key: string,
  signal: AbortSignal | undefined,
  work: () => Promise<R>,
): Promise<R> {
  refuseReentry(store, key);
  const line = lines.get(store) ?? new Map<string, Promise<void>>();
  lines.set(store, line);
  let leave!: () => void;
  const mine = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const before = line.get(key);
  const last = before === undefined ? mine : before.then(() => mine);
  line.set(key, last);
  // Whoever gives up leaves those before at work: the line is over when all of them are through.
  void last.then(() => {
    if (line.get(key) === last) line.delete(key);
  });
  try {
    if (before !== undefined) await unlessAborted(before, signal);
    return await inside(store, key, work);
  } finally {
    leave();
  }
}

async function inside<R>(store: StateStore, key: string, work: () => Promise<R>): Promise<R> {
  const turn = { store, key, outer: holder.getStore(), isOver: false };
  try {
    return await holder.run(turn, work);
  } finally {
    turn.isOver = true;
  }
}

/** Whoever has the turn and waits for it again would wait for ever, and everybody behind. */
function refuseReentry(store: StateStore, key: string): void {
  for (let turn = holder.getStore(); turn !== undefined; turn = turn.outer) {
    if (turn.isOver || turn.store !== store || turn.key !== key) continue;
    throw invalid("work", "free of calls that change what it changes itself: it would wait for its own end");
  }
}
