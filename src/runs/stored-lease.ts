import { optional, readTime } from "../validation/fields.js";
import { readBoolean, readObject } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";

/** The longest lease. */
export const MAX_LEASE_MS = 86_400_000;

/**
 * A stored lease that ends later than this from now was written by a clock that is ahead. More than the longest lease, so
 * that the holder of one of those does not lose it to a clock that is a little behind.
 */
export const MAX_UNTIL_MS = 2 * MAX_LEASE_MS;

/** A lease as it is stored. Times are in milliseconds since 1970. */
export interface StoredLease {
  readonly leaseId: string;
  readonly worker: string;
  readonly until: number;
  /** By this a repeated claim is recognised. */
  readonly token?: string;
  /** `claimNext` gave it: a repeated call has to find the run by the token. */
  readonly next?: true;
}

/**
 * Whether another worker may take over. A lease that ends later than any lease can is one that a clock wrote which was
 * ahead: waiting for its end could take years.
 */
export function hasPassed({ until }: Pick<StoredLease, "until">, now: number): boolean {
  return now >= until || until > now + MAX_UNTIL_MS;
}

function readTrue(value: unknown, field: string): true {
  if (!readBoolean(value, field)) throw new Error("a mark that says no");
  return true;
}

/** Reads a stored lease. */
export function readStoredLease(value: unknown, field: string): StoredLease {
  const given = readObject(value, field) as Partial<StoredLease>;
  return {
    leaseId: readEventId(given.leaseId, "leaseId"),
    worker: readKind(given.worker, "worker"),
    until: readTime(given.until, "until"),
    ...optional(given, "token", readEventId),
    ...optional(given, "next", readTrue),
  };
}
