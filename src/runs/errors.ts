import { StateError } from "../contract/errors.js";
import type { RunStatus } from "./run.js";

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /**
     * A call with a lease of a run, or of an occurrence of a schedule, that holds no longer, because another worker took it
     * over, or because it was paused, released or ended: `status` and `reason` say so. Nothing was written.
     */
    FENCED: {
      /** The number of the lease. */
      readonly fence: number;
      /** The number of the latest lease. */
      readonly current: number;
      /** The status of the run or occurrence. */
      readonly status: RunStatus;
      /** Who holds it now, if that is another worker. */
      readonly worker?: string;
      /** Why the run was cancelled or halted, if that was given. */
      readonly reason?: string;
    };
    /** `claim`: another worker holds the run until that time. */
    LEASE_HELD: { readonly worker: string; readonly until: Date };
    /** `claim`, `pause`, `resume`, `cancel`, `halt`: the status of the run does not allow it. */
    WRONG_STATUS: { readonly status: RunStatus };
  }
}

/** WRONG_STATUS. The action is a participle, such as `paused`. */
export function wrongStatus(status: RunStatus, action: string): StateError<"WRONG_STATUS"> {
  return new StateError("WRONG_STATUS", `the run is ${status} and cannot be ${action}`, {
    details: { status },
  });
}

/** LEASE_HELD. The time is in milliseconds since 1970. */
export function leaseHeld(worker: string, until: number): StateError<"LEASE_HELD"> {
  return new StateError("LEASE_HELD", "another worker holds the run", {
    details: { worker, until: new Date(until) },
  });
}
