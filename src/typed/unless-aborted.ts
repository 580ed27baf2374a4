import { onAbort } from "../timing/on-abort.js";

/** What the promise settles with or, if the signal aborts before, a rejection with its reason. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  // Somebody has to take note of it, also when nobody waits for it any more.
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
