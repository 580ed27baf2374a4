import { isStateError } from "../../src/contract/errors.js";
import { monotonicMs, sleep } from "../../src/timing/real-timers.js";

const MIN_PAUSE_MS = 0.5;
const MAX_PAUSE_MS = 25;

/**
 * Does the work, again and again while a lock is in its way, until the time is up. The event loop stays free. The work
 * is told how long it was waited for, in milliseconds.
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
    // Several that wait for one lock must not come back in step.
    await sleep(Math.min(pauseMs(timeoutMs - left, timeoutMs) * (0.5 + Math.random()), left));
  }
}

/**
 * Longer and longer at first, for those who hold a lock need the time. From a tenth of the patience on shorter and
 * shorter: whoever has waited for long asks most often and so comes next, and nobody is left out while others take turns.
 */
function pauseMs(waitedMs: number, timeoutMs: number): number {
  const growing = waitedMs / 4;
  const shrinking = MAX_PAUSE_MS * (1 - waitedMs / timeoutMs) ** 4;
  return Math.max(MIN_PAUSE_MS, Math.min(growing, shrinking, MAX_PAUSE_MS));
}

function isBusy(error: unknown): boolean {
  return isStateError(error, "UNAVAILABLE") && error.details.reason === "busy";
}
