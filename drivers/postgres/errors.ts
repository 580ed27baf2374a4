import type { Outcome } from "../../src/contract/driver.js";
import { isStateError, StateError } from "../../src/contract/errors.js";
import { isLost, type Meaning, meaningOfClient, meaningOfServer, NO_ANSWER } from "./meanings.js";
import { TimersStalled } from "./stalled-timers.js";

/** A statement's purpose. A failed `write` may have taken effect, unless the server said that it did not. */
export type Intent = "read" | "write";

/** No answer came before the deadline. */
export class DeadlinePassed extends Error {
  constructor() {
    super("no answer from the server in time");
  }
}

/** Rows of the answer are missing. */
export class IncompleteAnswer extends Error {
  constructor() {
    super("the client lost rows of an answer");
  }
}

/** The server has committed, but its wait for a synchronous standby was cancelled. */
export class Unreplicated extends Error {
  constructor() {
    super("the wait for a synchronous standby was cancelled");
  }
}

/** Errors of this driver. They contain no data of a statement. */
const OWN_ERRORS = [DeadlinePassed, TimersStalled, IncompleteAnswer, Unreplicated];

/** What `postgres` throws: the server's own fields, or a client's or socket's error without a severity. */
interface Failure {
  readonly code?: unknown;
  readonly severity?: unknown;
  /** In the server's language. Poolers and other programs that speak the protocol send only this one. */
  readonly severity_local?: unknown;
  readonly message?: unknown;
}

const MISSING_SCHEMA = /^(42P01|42883|3F000)$/;
const DAMAGED = /^XX00[12]$/;
const READ_ONLY = "25006";

/** Another connection holds a lock that this statement needs. */
export class LockNotFree extends StateError<"UNAVAILABLE"> {}

/** The server is a standby, or was set to read only. Another server may be the primary by now. */
export class ReadOnlyServer extends StateError<"UNAVAILABLE"> {}

export function readOnlyServer(cause?: unknown): ReadOnlyServer {
  const { reason, message } = meaningOfServer(READ_ONLY, "", true);
  return new ReadOnlyServer("UNAVAILABLE", message, { details: { reason }, cause });
}

/** A new record's id is in use already. No other insert can violate a unique key. */
export class IdTaken extends StateError<"UNAVAILABLE"> {}

/**
 * The server has no lock or no memory left. All its connections share its locks, and a commit takes one for each session:
 * the batch may be too large, or others have taken all there are.
 */
export class Exhausted extends StateError<"UNAVAILABLE"> {
  /** For a batch that cannot be made smaller: it is to be tried again, for others may have given locks back. */
  asBusy(): Exhausted {
    return new Exhausted("UNAVAILABLE", this.message, { details: { reason: "busy" }, cause: this.cause });
  }
}

/** The role lacks a right for this. */
export class RightMissing extends StateError<"UNAVAILABLE"> {}

const ERROR_CLASSES: Readonly<Record<string, typeof StateError<"UNAVAILABLE">>> = {
  "55P03": LockNotFree,
  "42501": RightMissing,
  "23505": IdTaken,
  "53200": Exhausted,
};

/** The StateError for an error of the client. The statement was rolled back unless the code is OUTCOME_UNKNOWN. */
export function translate(error: unknown, intent: Intent): StateError {
  if (isStateError(error)) return error;
  const { code, severity } = error as Failure;
  const state = typeof code === "string" ? code : "";
  const cause = causeWithoutData(error as Failure);
  if (intent === "write" && isUnknown(state, severity)) return unknown(error, cause);
  if (DAMAGED.test(state)) {
    return new StateError("CORRUPT", "the server found damaged data: restore it from a backup", {
      details: {},
      cause,
    });
  }
  if (MISSING_SCHEMA.test(state)) {
    return new StateError(
      "SCHEMA_OUTDATED",
      'the schema is missing or old: open it once with migrate: "apply"',
      { details: { found: 0, pending: [] }, cause },
    );
  }
  if (state === READ_ONLY) return readOnlyServer(cause);
  const { reason, message } = meaningOf(error as Failure, state);
  const Unavailable = ERROR_CLASSES[state] ?? StateError<"UNAVAILABLE">;
  return new Unavailable("UNAVAILABLE", message, { details: { reason }, cause });
}

/** Only an ERROR proves a rollback. The end of the connection (FATAL) or of the server (PANIC) may follow a commit. */
function isUnknown(state: string, severity: unknown): boolean {
  return severity !== "ERROR" || isLost(state);
}

function unknown(error: unknown, cause: Error): StateError<"OUTCOME_UNKNOWN"> {
  if (error instanceof Unreplicated) {
    return new StateError(
      "OUTCOME_UNKNOWN",
      "the write is on the server and may not be on its standby: it may be gone after a failover",
      { details: {}, cause },
    );
  }
  const isSilent = error instanceof DeadlinePassed || error instanceof TimersStalled;
  const what = isSilent ? "the server did not answer" : "the connection was lost";
  const why = error instanceof TimersStalled ? ` (${error.message})` : "";
  return new StateError(
    "OUTCOME_UNKNOWN",
    `${what} while the write was under way: read before you write again${why}`,
    { details: {}, cause },
  );
}

function meaningOf(error: Failure, state: string): Meaning {
  if (error instanceof DeadlinePassed) return NO_ANSWER;
  if (error instanceof TimersStalled) return { reason: "setup", message: error.message };
  if (severityOf(error) === undefined) return meaningOfClient(error, state);
  return meaningOfServer(state, String(error.message), error.severity !== undefined);
}

/** The severity that the server or pooler sent; `undefined` for an error of the client itself. */
function severityOf({ severity, severity_local }: Failure): unknown {
  return severity ?? severity_local;
}

/** The client's errors carry the statement, its parameters and the server's detail (keys). The cause must not show them. */
function causeWithoutData(error: Failure): Error {
  if (OWN_ERRORS.some((Own) => error instanceof Own)) return error as Error;
  const { code } = error;
  const severity = severityOf(error);
  return new Error(
    severity === undefined ? `postgres client: ${code ?? "failed"}` : `postgres server: ${severity} ${code}`,
  );
}

/** The outcome of a commit that failed. */
export function failed(error: StateError): Outcome {
  return { is: "failed", error };
}

/** The error for a commit whose statement failed with what is no StateError. */
export function unknownOutcome(cause: unknown): StateError {
  return new StateError("OUTCOME_UNKNOWN", "a statement failed in a way that does not say what it did", {
    details: {},
    cause,
  });
}
