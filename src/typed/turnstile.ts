import type { StateStore } from "../contract.js";
import { whenAborted } from "../when-aborted.js";

const lines = new WeakMap<StateStore, Map<string, Promise<void>>>();

/**
 * Lets the callers of one process that are after the same thing go one by one, so that only other processes are in
 * their way. Rejects with the signal's reason when it aborts before the caller's turn.
 */
export async function inTurn<R>(
  store: StateStore,
  key: string,
  signal: AbortSignal | undefined,
  work: () => Promise<R>,
): Promise<R> {
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
    return await work();
  } finally {
    leave();
  }
}

async function unlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const release = whenAborted(signal, () => reject(signal.reason));
    promise.then(() => {
      release();
      resolve();
    });
  });
}
