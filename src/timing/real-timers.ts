import * as module from "node:timers";
import { isFake } from "./fake-timers.js";
import { onAbort } from "./on-abort.js";
import {
  immediateFromPort,
  type SetTimer,
  type SocketTimer,
  type Timer,
  timeoutFromSocket,
} from "./unfaked-timers.js";

/**
 * The real timers of the process, under their usual names. A test runner's fake timers stand still until the test advances
 * them, and a call that waits for one would hang. So timers are never looked up on `globalThis`. If this module is first
 * loaded while timers are faked, perhaps in `node:timers` too, it builds its own from parts that are never faked.
 */
export type { Timer } from "./unfaked-timers.js";

// Copied, since a test may replace the exports of the module later.
const timers = { ...module };
const isFakeTimeout = isFake(timers.setTimeout, timers.clearTimeout, "_idleTimeout");
const isFakeImmediate = isFake(timers.setImmediate, timers.clearImmediate, "_onImmediate");

/** Runs `act` after so many milliseconds, unless the timer is cleared before. */
export const setTimeout: SetTimer = isFakeTimeout ? timeoutFromSocket() : timers.setTimeout;
export const clearTimeout: (timer: Timer | undefined) => void = isFakeTimeout
  ? (timer) => (timer as SocketTimer | undefined)?.clear()
  : (timer) => timers.clearTimeout(timer as NodeJS.Timeout | undefined);

/** Runs `act` in the next turn of the event loop. */
export const setImmediate: (act: () => void) => void = isFakeImmediate
  ? immediateFromPort()
  : timers.setImmediate;

const settled = Promise.resolve();

/** Runs `act`, which must not throw, as a microtask. */
export function queueMicrotask(act: () => void): void {
  void settled.then(act);
}

const uptime = process.uptime.bind(process);

/** A monotonic clock, in milliseconds. Not `performance.now`, which test runners fake. */
export function monotonicMs(): number {
  return uptime() * 1000;
}

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves after so many milliseconds; rejects with the signal's reason when it aborts before. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      release?.();
      resolve();
    }, ms);
    const release =
      signal &&
      onAbort(signal, () => {
        clearTimeout(timer);
        release?.();
        reject(signal.reason);
      });
  });
}

const MAX_TIMER_MS = 2 ** 31 - 1;

/** A signal that aborts after so many milliseconds, unless cleared before. It does not keep the process alive. */
export function abortAfter(ms: number): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), Math.min(ms, MAX_TIMER_MS));
  timer.unref();
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}
