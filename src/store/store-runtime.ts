import { steadyClockOver, steadyNow } from "../timing/clock.js";
import { setImmediate } from "../timing/real-timers.js";

/** What a store takes from the process; tests bring their own. */
export interface StoreRuntime {
  /** The time of day, milliseconds since 1970. A store goes by a steady clock that is drawn to it. */
  readonly now: () => number;
  /** Milliseconds that never go back, by which that clock goes; default the process's own. */
  readonly elapsed?: () => number;
  /** Runs the function soon, after the callers that are about to ask for more have done so. */
  readonly schedule: (pump: () => void) => void;
}

/** The same, ready for use. */
export function steadyRuntime(runtime: StoreRuntime | undefined): Pick<StoreRuntime, "now" | "schedule"> {
  if (runtime === undefined) return { now: steadyNow, schedule: setImmediate };
  return { now: steadyClockOver(runtime.now, runtime.elapsed), schedule: runtime.schedule };
}
