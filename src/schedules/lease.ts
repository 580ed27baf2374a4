import { invalid } from "../contract/errors.js";
import { tenantIdentity } from "../identity/identity.js";
import type { LifecycleKey } from "../lifecycle/stored.js";
import type { HeldLease } from "../runs/lease.js";
import { readScopedId } from "../typed/names.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import type { OccurrenceState } from "./stored-occurrence.js";

/**
 * A worker's hold on an occurrence. Plain data: a worker may pass it on, also as JSON. `renew` makes a new one; the old one
 * holds as long as that.
 */
export interface OccurrenceLease {
  /** The tenant of the schedule. */
  readonly tenant: string;
  /** The id of the occurrence. */
  readonly id: string;
  /** Who holds it. */
  readonly worker: string;
  /**
   * The fencing number: it grows with each lease of the occurrence. Pass it on to systems outside the store, and let them
   * refuse smaller numbers than the largest they have seen for this occurrence.
   */
  readonly fence: number;
  /** Unique to this lease. */
  readonly leaseId: string;
  /** From this time on another worker may take the occurrence over, by that worker's clock. */
  readonly until: Date;
}

const LEASE_FIELDS = ["tenant", "id", "worker", "fence", "leaseId", "until"];

/** Reads a lease that a caller passes. */
export function readLease(value: unknown): HeldLease {
  const { tenant, id, worker, fence, leaseId } = readNamed(value, "lease", LEASE_FIELDS) as OccurrenceLease;
  return {
    key: { identity: tenantIdentity(tenant), id: readScopedId(id, "id") },
    worker: readKind(worker, "worker"),
    fence: readInteger(fence, "fence", 1, Number.MAX_SAFE_INTEGER),
    leaseId: readEventId(leaseId, "leaseId"),
  };
}

/** The lease that a state holds, as its worker gets it. */
export function leaseOf({ identity, id }: LifecycleKey, { fence, lease }: OccurrenceState): OccurrenceLease {
  if (lease === undefined) throw invalid("lease", "held");
  const { worker, leaseId, until } = lease;
  return Object.freeze({ tenant: identity.tenant, id, worker, fence, leaseId, until: new Date(until) });
}
