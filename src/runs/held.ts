import { leaseHeld } from "./errors.js";
import { hasPassed } from "./stored-lease.js";
import type { RunState } from "./stored-run.js";

/** Refuses a run that a worker holds. LEASE_HELD. */
export function refuseIfHeld({ lease }: RunState, now: number): void {
  if (lease !== undefined && !hasPassed(lease, now)) throw leaseHeld(lease.worker, lease.until);
}
