import type { Expect, Identity, RecordKey } from "./store.js";

/**
 * The `details` of each error code. No error says what another tenant, user or session has stored. Open to declaration
 * merging: a wrapper adds codes of its own, and throws the same class.
 */
export interface StateErrorDetails {
  /** `load`, `loadByEventId`: this identity has no such record. */
  NOT_FOUND: Record<never, never>;
  /**
   * The event id was seen with other content; `change` is its index in the commit. `field` names what contradicts what the
   * ledger knows of an answer.
   */
  IDEMPOTENCY_CONFLICT: { readonly change: number; readonly field?: string };
  /** `current` is the event id the slot holds now, or null. */
  CONDITION_FAILED: {
    readonly change: number;
    readonly identity: Identity;
    readonly kind: string;
    readonly current: Expect;
    /** Of a session's history: the number of its last event, where the call expected another; 0 if it has none. */
    readonly last?: number;
  };
  /** Tenant, user or session is missing or empty; in a commit, `change` is its index. */
  IDENTITY_REQUIRED: { readonly field: string; readonly change?: number };
  /**
   * Any other invalid argument: its name and the rule, never its value; in a commit, `change` is its index, in an import `line`
   * the number of the line, from 1.
   */
  INVALID_RECORD: {
    readonly field: string;
    readonly rule: string;
    readonly change?: number;
    readonly line?: number;
  };
  /** `listKind` without a scope from `maintenanceScope`. */
  MAINTENANCE_SCOPE_REQUIRED: Record<never, never>;
  /** The store was closed before or during the call. Nothing was written. */
  STORE_CLOSED: Record<never, never>;
  /** No driver of this name is registered. */
  UNKNOWN_DRIVER: { readonly driver: string; readonly registered: readonly string[] };
  /** Nothing was written. */
  UNAVAILABLE: { readonly reason: UnavailableReason; readonly retries?: Retries };
  /** The write may or may not have happened: its answer was lost. A save may be retried with its event id. */
  OUTCOME_UNKNOWN: { readonly retries?: Retries };
  /**
   * Stored data does not pass its checks; `at` is the record. What lies beside it is read as ever, and it can be overwritten,
   * deleted and erased like any other, conditions included.
   */
  CORRUPT: { readonly at?: RecordKey };
  /**
   * The database, or a value, was written by newer code: `found` is its version, `supported` the newest that
   * this code knows.
   */
  SCHEMA_TOO_NEW: { readonly found: number; readonly supported: number };
  /**
   * The database lacks migrations, and the configuration forbids to run them: `found` is its version, `pending` the names of
   * the missing migrations.
   */
  SCHEMA_OUTDATED: { readonly found: number; readonly pending: readonly string[] };
}

/**
 * - `busy`: a lock, a deadlock, a full queue; passes by itself.
 * - `unreachable`: no connection, or no answer in time.
 * - `refused`: the database refused this request; a smaller one may pass.
 * - `setup`: a person has to act first (a package, a password, a permission, a folder).
 */
export type UnavailableReason = "busy" | "unreachable" | "refused" | "setup";

/** The attempts before an error reached the caller. An error without it came from the first attempt. */
export interface Retries {
  /** How many attempts were made, the first included. */
  readonly attempts: number;
  /** From the start of the first attempt to the end of the last. */
  readonly milliseconds: number;
}
