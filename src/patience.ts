/** The promise's own end, or the signal's reason if that comes first. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Whether the promise settles, either way, before the time is up or the signal aborts. */
export function settlesWithin(
  promise: Promise<unknown>,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (settled: boolean) => () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      resolve(settled);
    };
    const giveUp = answer(false);
    const timer = setTimeout(giveUp, ms);
    signal?.addEventListener("abort", giveUp);
    promise.then(answer(true), answer(true));
    if (signal?.aborted) giveUp();
  });
}
