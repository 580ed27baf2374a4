import { invalid, StateError } from "../contract/errors.js";
import type { SessionIdentity } from "../contract/store.js";
import { copySession } from "../typed/cell.js";
import { readScopedId } from "../typed/names.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import { MAX_LEASE_MS } from "./stored-lease.js";
import type { RunKey, RunState } from "./stored-run.js";

/**
 * A worker's hold on a run. Plain data: a worker may pass it on, also as JSON. `renew` makes a new one; the old one holds
 * as long as that.
 */
export interface Lease {
  /** The session of the run. */
  readonly identity: SessionIdentity;
  /** The id of the run. */
  readonly id: string;
  /** Who holds it. */
  readonly worker: string;
  /**
   * The fencing number: it grows with each lease of the run. Pass it on to systems outside the store, and let them refuse
   * smaller numbers than the largest they have seen.
   */
  readonly fence: number;
  /** Tells this lease from that of a later run under the same id, after an erase. */
  readonly leaseId: string;
  /** From this time on another worker may claim the run, by that worker's clock. */
  readonly until: Date;
}

/** What a lease is checked by. */
export type HeldLease = Pick<Lease, "worker" | "fence" | "leaseId"> & { readonly key: RunKey };

const LEASE_FIELDS = ["identity", "id", "worker", "fence", "leaseId", "until"];

/** Reads a lease that a caller passes. */
export function readLease(value: unknown): HeldLease {
  const { identity, id, worker, fence, leaseId } = readNamed(value, "lease", LEASE_FIELDS) as Lease;
  return {
    key: { identity: copySession(identity), id: readScopedId(id, "id") },
    worker: readKind(worker, "worker"),
    fence: readInteger(fence, "fence", 1, Number.MAX_SAFE_INTEGER),
    leaseId: readEventId(leaseId, "leaseId"),
  };
}

/** Reads the duration of a lease, in milliseconds. */
export function readLeaseMs(value: unknown, field: string): number {
  return readInteger(value, field, 1, MAX_LEASE_MS);
}

/** The lease that a state holds, as its worker gets it. */
export function leaseOf({ identity, id }: RunKey, { fence, lease }: RunState): Lease {
  if (lease === undefined) throw invalid("lease", "held");
  const { worker, leaseId, until } = lease;
  return Object.freeze({ identity, id, worker, fence, leaseId, until: new Date(until) });
}

/** In how many milliseconds a lease ends; 0 where it does not say when. */
export function leftOf({ until }: Pick<Lease, "until">, now: number): number {
  const left = new Date(until).getTime() - now;
  return Number.isFinite(left) ? left : 0;
}

/** What a lease is of. */
export type LeasedState = Pick<RunState, "status" | "fence" | "lease"> & {
  readonly end?: { readonly reason?: string };
};

/** Whether the lease holds. The time does not matter: a lease that has passed holds until another worker takes over. */
export function holds({ worker, fence, leaseId }: Omit<HeldLease, "key">, state: LeasedState): boolean {
  const { lease } = state;
  return state.fence === fence && lease?.leaseId === leaseId && lease.worker === worker;
}

/** FENCED. The noun says what the lease is of. */
export function fenced(
  { fence }: Pick<HeldLease, "fence">,
  state: LeasedState,
  noun = "run",
): StateError<"FENCED"> {
  const { status, lease, end } = state;
  const by = state.fence === fence ? `the ${noun} is ${status}` : `another worker took the ${noun} over`;
  return new StateError("FENCED", `the lease holds no longer: ${by}; nothing was written`, {
    details: {
      fence,
      current: state.fence,
      status,
      ...(lease === undefined || state.fence === fence ? {} : { worker: lease.worker }),
      ...(end?.reason === undefined ? {} : { reason: end.reason }),
    },
  });
}
