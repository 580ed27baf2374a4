import { onAbort } from "../timing/on-abort.js";

/** Settles as the promise does, or rejects with the signal's reason if the signal aborts first. */
export async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  // After an abort nobody awaits the promise: its rejection must not become an unhandled one.
  promise.catch(() => {});
  signal.throwIfAborted();
  let release: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    release = onAbort(signal, () => reject(signal.reason));
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    release?.();
  }
}
