import { setTimeout as sleep } from "node:timers/promises";
import { isStateError } from "../../src/errors.js";

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
  const started = performance.now();
  let deadline: number | undefined;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work(performance.now() - started);
    } catch (error) {
      deadline ??= performance.now() + timeoutMs;
      if (!isBusy(error) || performance.now() >= deadline) throw error;
    }
    // Several that wait for one lock must not come back in step.
    await sleep(Math.min(pause * (0.5 + Math.random()), Math.max(deadline - performance.now(), 0)));
  }
}

function isBusy(error: unknown): boolean {
  return isStateError(error, "UNAVAILABLE") && error.details.reason === "busy";
}
