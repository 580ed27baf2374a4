import type { CallOptions } from "../contract/store.js";
import type { Moment } from "../lifecycle/stored.js";
import { leaseOf } from "./lease.js";
import type { ClaimedRun } from "./options.js";
import type { RunRecords } from "./run-records.js";
import { hasPassed } from "./stored-lease.js";
import type { RunContent, RunState } from "./stored-run.js";
import { claim, type NewClaim } from "./transitions.js";

/** Which run is to be claimed, and by whom. */
export interface WantedRun {
  readonly claim: NewClaim;
  readonly name: string | undefined;
}

/**
 * Claims a run of a tenant: one whose lease has passed, otherwise one that is pending, the oldest first. Runs whose time is
 * used up are halted on the way. Leases and pending runs have lists of their own, so no run that is done is walked over, and
 * a pending run can be claimed whatever the clock of its starter said.
 */
export async function claimNext(
  { lifecycle }: RunRecords,
  tenant: string,
  { claim: made, name }: WantedRun,
  { signal }: CallOptions,
): Promise<ClaimedRun | undefined> {
  const by = name === undefined ? undefined : { name };
  const options = { ...(by && { by }), signal };
  for (;;) {
    let state: RunState | undefined;
    const transition = (before: RunState, moment: Moment<RunState, RunContent>) => {
      state = isClaimable(before, moment.now) ? claim(made)(before, moment) : undefined;
      return state;
    };
    const run =
      (await lifecycle.changeNextDue(tenant, transition, options)) ??
      (await lifecycle.changeNext(tenant, "pending", transition, options));
    if (run === undefined || state === undefined) return undefined;
    const { identity, id } = run;
    if (state.lease !== undefined) return { lease: leaseOf({ identity, id }, state), run };
  }
}

function isClaimable({ status, lease }: RunState, now: number): boolean {
  return lease === undefined ? status === "pending" : hasPassed(lease, now);
}
