import type { QueueOptions } from "../queue/commit-queue.js";
import { steadyClockOver, steadyNow } from "../timing/clock.js";
import { queueMicrotask, setImmediate } from "../timing/real-timers.js";
import type { EventLoopYield } from "../timing/yield-to-event-loop.js";

/** The clocks and the scheduler of a store; tests pass their own. */
export interface StoreRuntime {
  /** The time of day, milliseconds since 1970. The store uses a steady clock that follows it slowly. */
  readonly now: () => number;
  /** The monotonic clock behind the steady one, in milliseconds. Default: the process's own. */
  readonly elapsed?: () => number;
  /** Runs the function soon, so that calls made at the same moment share a batch. */
  readonly schedule: (pump: () => void) => void;
}

/** The clock and schedulers that a store uses. */
export function steadyRuntime(
  runtime: StoreRuntime | undefined,
  eventLoop: EventLoopYield,
): Pick<QueueOptions, "now" | "schedule" | "scheduleLone"> {
  if (runtime === undefined) {
    return {
      now: steadyNow,
      schedule: setImmediate,
      // As soon as the caller has made all the calls it makes at this moment, unless that would starve the event loop.
      scheduleLone: (pump) => (eventLoop.pause() === undefined ? queueMicrotask(pump) : setImmediate(pump)),
    };
  }
  return { now: steadyClockOver(runtime.now, runtime.elapsed), schedule: runtime.schedule };
}
