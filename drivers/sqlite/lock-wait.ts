import { isStateError } from "../../src/contract/errors.js";
import { monotonicMs, sleep } from "../../src/timing/real-timers.js";

const MIN_PAUSE_MS = 0.5;
const MAX_PAUSE_MS = 25;

/**
 * Does the work, and retries it while it fails with `busy`, until the time is up. The event loop stays free. The work gets
 * the time waited so far, in milliseconds.
 */
export async function retryWhileLocked<T>(
  work: (waitedMs: number) => T | Promise<T>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<T> {
  const started = monotonicMs();
  let deadline: number | undefined;
  for (;;) {
    try {
      return await work(monotonicMs() - started);
    } catch (error) {
      deadline ??= monotonicMs() + timeoutMs;
      // The reason of a caller who has given up may be such an error, of another call.
      if (!isBusy(error) || signal?.aborted || monotonicMs() >= deadline) throw error;
    }
    const left = Math.max(deadline - monotonicMs(), 0);
    // Jitter, so that several waiting calls do not retry at the same time.
    await sleep(Math.min(pauseMs(timeoutMs - left, timeoutMs) * (0.5 + Math.random()), left));
  }
}

/**
 * The pause grows at first, because the holder of a lock needs time. After about a tenth of the timeout it shrinks again:
 * the call that has waited longest retries most often and so gets the lock next, and no call starves.
 */
function pauseMs(waitedMs: number, timeoutMs: number): number {
  const growing = waitedMs / 4;
  const shrinking = MAX_PAUSE_MS * (1 - waitedMs / timeoutMs) ** 4;
  return Math.max(MIN_PAUSE_MS, Math.min(growing, shrinking, MAX_PAUSE_MS));
}

export function isBusy(error: unknown): boolean {
  return isStateError(error, "UNAVAILABLE") && error.details.reason === "busy";
}
