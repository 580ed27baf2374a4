import { isStateError } from "../contract/errors.js";
import type { CallOptions } from "../contract/store.js";
import type { Moment } from "../lifecycle/stored.js";
import { leaseOf } from "./lease.js";
import { LeasesFirst } from "./leases-first.js";
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
    { worker, token }: NewClaim,
    options: CallOptions,
  ): Promise<ClaimedRun | undefined> {
    const key = token === undefined ? undefined : await this.#records.findClaimed(tenant, token, options);
    if (key === undefined) return undefined;
    let found: RunState | undefined;
    const look = (state: RunState) => {
      const { lease } = state;
      found = lease?.next && lease.token === token && lease.worker === worker ? state : undefined;
      return state;
    };
    try {
      const run = await this.#records.lifecycle.change(key, look, options);
      return found && { lease: leaseOf(key, found), run };
    } catch (error) {
      if (isStateError(error, "NOT_FOUND")) return undefined;
      throw error;
    }
  }
}

function isClaimable({ status, lease }: RunState, now: number): boolean {
  return lease === undefined ? status === "pending" : hasPassed(lease, now);
}
