import { describeType } from "./describe-type.js";
import type { StateErrorDetails } from "./error-details.js";

/** Every code: those of the store, and those of the wrappers that a program imports. */
export type StateErrorCode = keyof StateErrorDetails;

/** The third argument of `new StateError`. */
export interface StateErrorOptions<C extends StateErrorCode> {
  /** The details of the code, as `StateErrorDetails` has them. */
  readonly details: StateErrorDetails[C];
  /** The error that caused it. It must not contain a payload, key or password. */
  readonly cause?: unknown;
  /** Default: true for UNAVAILABLE, false for everything else. */
  readonly retryable?: boolean;
}

const BRAND = Symbol.for("groundstate.StateError");
const NAME = "StateError";

/** By how many frames of the package a stack is extended, so that it still reaches the caller's line. */
const EXTRA_FRAMES = 30;

/** The error class of the store, the drivers and the wrappers. Its message contains no payload, key or connection string. */
export class StateError<C extends StateErrorCode = StateErrorCode> extends Error {
  /** The stable code of the error. */
  readonly code: C;
  /** The details of the code, such as `field` and `rule` of INVALID_RECORD. */
  readonly details: StateErrorDetails[C];
  /** The same call may be made again: it may succeed, and cannot do its work twice. */
  readonly retryable: boolean;

  constructor(code: C, message: string, options: StateErrorOptions<C>) {
    const { stackTraceLimit } = Error;
    setStackTraceLimit(stackTraceLimit + EXTRA_FRAMES);
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    setStackTraceLimit(stackTraceLimit);
    this.code = code;
    this.details = options.details;
    this.retryable = options.retryable ?? code === "UNAVAILABLE";
    // The engine wrote the stack with the name alone, before `code` was set.
    const { stack } = this;
    if (stack?.startsWith(`${NAME}:`)) this.stack = `${NAME} [${code}]${stack.slice(NAME.length)}`;
  }

  /** Always `StateError`. */
  override get name(): string {
    return NAME;
  }

  /** Includes the code, as Node's own errors do: `StateError [NOT_FOUND]: ...`. */
  override toString(): string {
    return `${NAME} [${this.code}]: ${this.message}`;
  }

  /** @internal */
  get [BRAND](): true {
    return true;
  }
}

/** Sets `Error.stackTraceLimit`, unless it is frozen; stacks are then short. */
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

/** INVALID_RECORD with the message "<field> must be <rule>". */
export function invalid(field: string, rule: string, change?: number): StateError<"INVALID_RECORD"> {
  return new StateError("INVALID_RECORD", `${inChange(change)}${field} must be ${rule}`, {
    details: { field, rule, ...(change === undefined ? {} : { change }) },
  });
}

/** INVALID_RECORD for a value of the wrong type; the message names its type. */
export function wrongType(field: string, rule: string, value: unknown): StateError<"INVALID_RECORD"> {
  const advice = value === undefined ? ": give it a value, or leave it out if it is optional" : "";
  return invalid(field, `${rule}, not ${describeType(value)}${advice}`);
}

/** IDENTITY_REQUIRED with the message "<field> is missing or empty". */
export function identityRequired(field: string, change?: number): StateError<"IDENTITY_REQUIRED"> {
  return new StateError("IDENTITY_REQUIRED", `${inChange(change)}${field} is missing or empty`, {
    details: { field, ...(change === undefined ? {} : { change }) },
  });
}

function inChange(change: number | undefined): string {
  return change === undefined ? "" : `change ${change}: `;
}
