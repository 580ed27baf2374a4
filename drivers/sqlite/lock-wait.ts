import { isStateError } from "../../src/errors.js";
import { monotonicMs, sleep } from "../../src/real-timers.js";

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 25;

/**
 * Does the work, again and again while a lock is in its way, until the time is up. The event loop stays free. The work
 * is told how long it was waited for, in milliseconds.
 */
export async function whenUnlocked<T>(
  work: (waitedMs: number) => T | Promise<T>,
  timeoutMs: number,
): Promise<T> {
  const started = monotonicMs();
  let deadline: number | undefined;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work(monotonicMs() - started);
    } catch (error) {
      deadline ??= monotonicMs() + timeoutMs;
      if (!isBusy(error) || monotonicMs() >= deadline) throw error;
    }
    // Several that wait for one lock must not come back in step.
    await sleep(Math.min(pause * (0.5 + Math.random()), Math.max(deadline - monotonicMs(), 0)));
  }
}

function isBusy(error: unknown): boolean {
  return isStateError(error, "UNAVAILABLE") && error.details.reason === "busy";
}
