import type { CallOptions } from "../contract/store.js";
import type { Moment } from "../lifecycle/stored.js";
import { claimedBefore } from "./claimed-before.js";
import { leaseOf } from "./lease.js";
import { LeasesFirst } from "./leases-first.js";
import type { ClaimedRun } from "./options.js";
import type { Run } from "./run.js";
import type { RunRecords } from "./run-records.js";
import { hasPassed } from "./stored-lease.js";
import type { RunContent, RunKey, RunState } from "./stored-run.js";
import { claim, type NewClaim } from "./transitions.js";

/** Which run is to be claimed, and by whom. */
export interface WantedRun {
  readonly claim: NewClaim;
  readonly name: string | undefined;
}

/**
 * Claims runs of a tenant that nobody holds. Leases and pending runs have lists of their own, so no run that is done is
 * walked over, and a pending run can be claimed whatever the clock of its starter said.
 */
export class RunQueue {
  readonly #records: RunRecords;
  readonly #turns = new LeasesFirst();

  constructor(records: RunRecords) {
    this.#records = records;
  }

  /**
   * Claims a run: one whose lease has passed, or one that is pending, the oldest first. Runs whose time is used up are halted
   * on the way.
   */
  async claimNext(
    tenant: string,
    { claim: made, name }: WantedRun,
    { signal }: CallOptions,
  ): Promise<ClaimedRun | undefined> {
    const { lifecycle } = this.#records;
    const options = { ...(name === undefined ? {} : { by: { name } }), signal };
    for (;;) {
      let state: RunState | undefined;
      const transition = (before: RunState, moment: Moment<RunState, RunContent>) => {
        state = isClaimable(before, moment.now) ? claim(made)(before, moment) : undefined;
        return state;
      };
      const run = await this.#turns.take(
        JSON.stringify([tenant, name]),
        () => lifecycle.changeNextDue(tenant, transition, options),
        () => lifecycle.changeNext(tenant, "pending", transition, options),
      );
      if (run === undefined || state === undefined) return undefined;
      const { identity, id } = run;
      if (state.lease !== undefined) return { lease: leaseOf({ identity, id }, state), run };
    }
  }

  /** The run that an earlier call with the same token got, while that lease holds. */
  async claimedBefore(
    tenant: string,
    claim: NewClaim,
    options: CallOptions,
  ): Promise<ClaimedRun | undefined> {
    const found = await claimedBefore(this.#records.lifecycle, tenant, claim, keyOfRun, options);
    return found && { lease: leaseOf(found.key, found.state), run: found.record };
  }
}

function keyOfRun({ identity, id }: Run): RunKey {
  return { identity, id };
}

function isClaimable({ status, lease }: RunState, now: number): boolean {
  return lease === undefined ? status === "pending" : hasPassed(lease, now);
}
