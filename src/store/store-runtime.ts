import { steadyClockOver, steadyNow } from "../timing/clock.js";
import { setImmediate } from "../timing/real-timers.js";

/** The clocks and the scheduler of a store; tests pass their own. */
export interface StoreRuntime {
  /** The time of day, milliseconds since 1970. The store uses a steady clock that follows it slowly. */
  readonly now: () => number;
  /** The monotonic clock behind the steady one, in milliseconds. Default: the process's own. */
  readonly elapsed?: () => number;
  /** Runs the function soon, so that calls made at the same moment share a batch. */
  readonly schedule: (pump: () => void) => void;
}

/** The clock and scheduler that a store uses. */
export function steadyRuntime(runtime: StoreRuntime | undefined): Pick<StoreRuntime, "now" | "schedule"> {
  if (runtime === undefined) return { now: steadyNow, schedule: setImmediate };
  return { now: steadyClockOver(runtime.now, runtime.elapsed), schedule: runtime.schedule };
}
