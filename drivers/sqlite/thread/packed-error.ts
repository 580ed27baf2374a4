import { isStateError, StateError } from "../../../src/contract/errors.js";

type ErrorClass = new (message: string, code: string) => Error;

/** An error as plain data. Sent to another thread as it is, an error would lose its class, its code and its details. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Its other own properties that can be sent. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause?: PackedError;
}

const BUILT_IN: Readonly<Record<string, new (message: string) => Error>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

export function packError(error: unknown): PackedError {
  if (!(error instanceof Error))
    return { name: "Error", message: String(error), stack: undefined, fields: {} };
  const { name, message, stack, cause } = error;
  const fields = Object.fromEntries(
    Object.entries(error).filter(([key, value]) => key !== "name" && canBeSent(value)),
  );
  return { name, message, stack, fields, ...(cause === undefined ? {} : { cause: packError(cause) }) };
}

/** The error as it was thrown; `SqliteError` is this thread's class of that name. */
export function unpackError(packed: PackedError, SqliteError: ErrorClass): Error {
  const cause = packed.cause && unpackError(packed.cause, SqliteError);
  const error = newError(packed, cause, SqliteError);
  if (error.name !== packed.name) Object.defineProperty(error, "name", { value: packed.name });
  if (packed.stack !== undefined) Object.defineProperty(error, "stack", { value: packed.stack });
  if (isStateError(error)) return error;
  if (cause !== undefined) Object.defineProperty(error, "cause", { value: cause });
  return Object.assign(error, packed.fields);
}

function newError(
  { name, message, fields }: PackedError,
  cause: Error | undefined,
  SqliteError: ErrorClass,
): Error {
  if (name === "StateError") {
    const { code, details, retryable } = fields as unknown as StateError;
    return new StateError(code, message, { details, retryable, cause });
  }
  if (name === "SqliteError") return new SqliteError(message, String(fields.code));
  return new (BUILT_IN[name] ?? Error)(message);
}

function canBeSent(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}
