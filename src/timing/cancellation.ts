import { onAbort } from "./on-abort.js";
import { clearTimeout, setTimeout } from "./real-timers.js";

/** Settles as the promise does; rejects with the signal's reason if the signal aborts first. */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, () => reject(signal.reason));
    promise.then(resolve, reject).finally(release);
    if (signal.aborted) reject(signal.reason);
  });
}

/** Resolves with whether the promise settles, either way, before the time is up or the signal aborts. */
export function settlesWithin(
  promise: Promise<unknown>,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (settled: boolean) => () => {
      clearTimeout(timer);
      release?.();
      resolve(settled);
    };
    const giveUp = answer(false);
    const timer = setTimeout(giveUp, ms);
    const release = signal && onAbort(signal, giveUp);
    promise.then(answer(true), answer(true));
    if (signal?.aborted) giveUp();
  });
}
