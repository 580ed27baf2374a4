import { describeType } from "./describe-type.js";
import type { StateErrorDetails } from "./error-details.js";

/** Every code: those of the store, and those of the wrappers that a program imports. */
export type StateErrorCode = keyof StateErrorDetails;

/** What a StateError is made with, beside its code and message. */
export interface StateErrorOptions<C extends StateErrorCode> {
  /** What belongs to the code. */
  readonly details: StateErrorDetails[C];
  /** The error behind it. It may hold no payload, key or password. */
  readonly cause?: unknown;
  /** Default: true for UNAVAILABLE, false for everything else. */
  readonly retryable?: boolean;
}

const BRAND = Symbol.for("groundstate.StateError");
const NAME = "StateError";

/** How many calls of the package may lie between where an error is made and the caller, whose line is what matters. */
const EXTRA_FRAMES = 30;

/** The one error of the floor and of everything built on it. Its message holds no payload, key or connection string. */
export class StateError<C extends StateErrorCode = StateErrorCode> extends Error {
  /** Which error it is. */
  readonly code: C;
  /** What belongs to the code, such as `field` and `rule` of INVALID_RECORD. */
  readonly details: StateErrorDetails[C];
  /** The same call may succeed when made again, and making it again cannot do its work twice. */
  readonly retryable: boolean;

  constructor(code: C, message: string, options: StateErrorOptions<C>) {
    const { stackTraceLimit } = Error;
    setStackTraceLimit(stackTraceLimit + EXTRA_FRAMES);
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    setStackTraceLimit(stackTraceLimit);
    this.code = code;
    this.details = options.details;
    this.retryable = options.retryable ?? code === "UNAVAILABLE";
    // Written with the name alone, before there was a code.
    const { stack } = this;
    if (stack?.startsWith(`${NAME}:`)) this.stack = `${NAME} [${code}]${stack.slice(NAME.length)}`;
  }

  /** Always `StateError`. */
  override get name(): string {
    return NAME;
  }

  /** With the code, as Node's own errors have it: `StateError [NOT_FOUND]: ...`. */
  override toString(): string {
    return `${NAME} [${this.code}]: ${this.message}`;
  }

  /** @internal */
  get [BRAND](): true {
    return true;
  }
}

/** Where it is frozen, stacks are as short as they are. */
function setStackTraceLimit(limit: number): void {
  if (Object.getOwnPropertyDescriptor(Error, "stackTraceLimit")?.writable) Error.stackTraceLimit = limit;
}

/** A StateError whose `details` narrow with its `code`. */
export type AnyStateError = { [C in StateErrorCode]: StateError<C> }[StateErrorCode];

/**
 * Whether `value` is a StateError, of this code if one is given; also when another copy of the package threw it.
 *
 * @example
 * ```ts
 * import { isStateError } from "groundstate";
 *
 * try {
 *   await store.load(identity, "note");
 * } catch (error) {
 *   if (!isStateError(error, "UNAVAILABLE")) throw error;
 *   console.log(error.details.reason, error.retryable);
 * }
 * ```
 */
export function isStateError(value: unknown): value is AnyStateError;
export function isStateError<C extends StateErrorCode>(value: unknown, code: C): value is StateError<C>;
export function isStateError(value: unknown, code?: StateErrorCode): boolean {
  if (typeof value !== "object" || value === null || !(BRAND in value)) return false;
  return code === undefined || (value as StateError).code === code;
}

/** INVALID_RECORD, worded from the field and its rule. */
export function invalid(field: string, rule: string, change?: number): StateError<"INVALID_RECORD"> {
  return new StateError("INVALID_RECORD", `${inChange(change)}${field} must be ${rule}`, {
    details: { field, rule, ...(change === undefined ? {} : { change }) },
  });
}

/** INVALID_RECORD for a value of another type than the rule's, which is named. */
export function wrongType(field: string, rule: string, value: unknown): StateError<"INVALID_RECORD"> {
  const advice = value === undefined ? ": give it a value, or leave it out if it is optional" : "";
  return invalid(field, `${rule}, not ${describeType(value)}${advice}`);
}

/** IDENTITY_REQUIRED, worded from the field. */
export function identityRequired(field: string, change?: number): StateError<"IDENTITY_REQUIRED"> {
  return new StateError("IDENTITY_REQUIRED", `${inChange(change)}${field} is missing or empty`, {
    details: { field, ...(change === undefined ? {} : { change }) },
  });
}

function inChange(change: number | undefined): string {
  return change === undefined ? "" : `change ${change}: `;
}
