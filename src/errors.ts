import type { Expect, Identity, RecordPlace } from "./contract.js";

/**
 * What each code carries. Open to declaration merging: a wrapper adds codes of its own and throws the same class.
 */
export interface StateErrorDetails {
  /** `load`, `loadByEventId`: nothing there for this identity. */
  NOT_FOUND: Record<never, never>;
  /** The event id was seen with other content; `change` is its index in the commit. */
  IDEMPOTENCY_CONFLICT: { readonly change: number };
  /** `current` is the event id the slot holds now, or null. */
  CONDITION_FAILED: {
    readonly change: number;
    readonly identity: Identity;
    readonly kind: string;
    readonly current: Expect;
  };
  /** Tenant, user or session is missing or empty. */
  IDENTITY_REQUIRED: { readonly field: string };
  /** Any other bad argument. Never its value. */
  INVALID_RECORD: { readonly field: string; readonly rule: string };
  /** `listKind` without a scope from `maintenanceScope`. */
  MAINTENANCE_SCOPE_REQUIRED: Record<never, never>;
  STORE_CLOSED: Record<never, never>;
  UNKNOWN_DRIVER: { readonly driver: string; readonly registered: readonly string[] };
  /** Nothing was written. */
  UNAVAILABLE: { readonly reason: UnavailableReason };
  /** The write was under way when its answer was lost. A save may be retried with its event id. */
  OUTCOME_UNKNOWN: Record<never, never>;
  /** Stored data does not pass its checks. */
  CORRUPT: { readonly at?: RecordPlace };
  SCHEMA_TOO_NEW: { readonly found: number; readonly supported: number };
  SCHEMA_OUTDATED: { readonly found: number; readonly pending: readonly string[] };
}

/**
 * - `busy`: a lock, a deadlock, a full queue; passes by itself.
 * - `unreachable`: no connection, or no answer in time.
 * - `refused`: the database answered, and would not do this piece of work; a smaller one may pass.
 * - `setup`: a person has to act first (a package, a password, a permission, a folder).
 */
export type UnavailableReason = "busy" | "unreachable" | "refused" | "setup";

export type StateErrorCode = keyof StateErrorDetails;

export interface StateErrorOptions<C extends StateErrorCode> {
  readonly details: StateErrorDetails[C];
  readonly cause?: unknown;
  /** Default: true for UNAVAILABLE, false for everything else. */
  readonly retryable?: boolean;
}

const BRAND = Symbol.for("groundstate.StateError");

/** The one error of the floor and of everything built on it. Its message holds no payload, key or connection string. */
export class StateError<C extends StateErrorCode = StateErrorCode> extends Error {
  readonly code: C;
  readonly details: StateErrorDetails[C];
  /** The same call may succeed when made again, and making it again cannot do its work twice. */
  readonly retryable: boolean;

  constructor(code: C, message: string, options: StateErrorOptions<C>) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
    this.retryable = options.retryable ?? code === "UNAVAILABLE";
  }

  override get name(): string {
    return "StateError";
  }

  /** @internal */
  get [BRAND](): true {
    return true;
  }
}

/** A StateError whose `details` narrow with its `code`. */
export type AnyStateError = { [C in StateErrorCode]: StateError<C> }[StateErrorCode];

/** Whether `value` is a StateError, of this code if one is given; also when another copy of the package threw it. */
export function isStateError(value: unknown): value is AnyStateError;
export function isStateError<C extends StateErrorCode>(value: unknown, code: C): value is StateError<C>;
export function isStateError(value: unknown, code?: StateErrorCode): boolean {
  if (typeof value !== "object" || value === null || !(BRAND in value)) return false;
  return code === undefined || (value as StateError).code === code;
}

/** INVALID_RECORD, worded from the field and its rule. */
export function invalid(field: string, rule: string): StateError<"INVALID_RECORD"> {
  return new StateError("INVALID_RECORD", `${field} must be ${rule}`, { details: { field, rule } });
}
