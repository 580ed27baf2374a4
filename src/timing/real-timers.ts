import * as module from "node:timers";
import { isFake } from "./fake-timers.js";
import { onAbort } from "./on-abort.js";
import {
  type SetTimer,
  type SocketTimer,
  type Timer,
  timeoutOfSocket,
  turnOfPort,
} from "./unfaked-timers.js";

/**
 * The timers of the process itself, under their usual names. A test runner's fake ones stand still until somebody moves
 * them, so that whatever waits for one hangs: they are never looked up on `globalThis`, and where this module is first
 * loaded under a fake, which may also have replaced `node:timers`, it makes its own of parts that nobody fakes.
 */
export type { Timer } from "./unfaked-timers.js";

// What a module exports can be replaced later.
const timers = { ...module };
const isFakeTimeout = isFake(timers.setTimeout, timers.clearTimeout, "_idleTimeout");
const isFakeImmediate = isFake(timers.setImmediate, timers.clearImmediate, "_onImmediate");

/** Runs `act` once after so many milliseconds, unless it is cleared before. */
export const setTimeout: SetTimer = isFakeTimeout ? timeoutOfSocket() : timers.setTimeout;
export const clearTimeout: (timer: Timer | undefined) => void = isFakeTimeout
  ? (timer) => (timer as SocketTimer | undefined)?.clear()
  : (timer) => timers.clearTimeout(timer as NodeJS.Timeout | undefined);

/** Runs `act` in the next turn of the event loop. */
export const setImmediate: (act: () => void) => void = isFakeImmediate ? turnOfPort() : timers.setImmediate;

const settled = Promise.resolve();

/** Runs `act`, which must not throw, when the running code has come to its end. */
export function queueMicrotask(act: () => void): void {
  void settled.then(act);
}

const uptime = process.uptime.bind(process);

/** A clock that never goes back, in milliseconds; not that of `performance`, which is among what is faked. */
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

const MOST_MS = 2 ** 31 - 1;

/** A signal that aborts after so many milliseconds, unless it is cleared before; it keeps no process alive. */
export function abortAfter(ms: number): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), Math.min(ms, MOST_MS));
  timer.unref();
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}
