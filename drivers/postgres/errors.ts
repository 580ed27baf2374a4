import { isStateError, StateError } from "../../src/contract/errors.js";
import { isLost, type Meaning, meaningOfClient, meaningOfServer, NO_ANSWER } from "./meanings.js";
import { TimersStalled } from "./stalled-timers.js";

/** What is at stake when a statement fails: a `write` may have taken effect unless the server said that it did not. */
export type Intent = "read" | "write";

/** No answer came before the deadline. */
export class DeadlinePassed extends Error {
  constructor() {
    super("no answer from the server in time");
  }
}

/** The answer does not hang together: rows are missing from it. */
export class IncompleteAnswer extends Error {
  constructor() {
    super("the client lost rows of an answer");
  }
}

/** The server has committed, and somebody cancelled its wait for the standby that was to have the commit too. */
export class Unreplicated extends Error {
  constructor() {
    super("the wait for a synchronous standby was cancelled");
  }
}

/** Those that show nothing of a statement. */
const OWN_ERRORS = [DeadlinePassed, TimersStalled, IncompleteAnswer, Unreplicated];

/** What `postgres` throws: the server's own fields, or a client's or socket's error without a severity. */
interface Failure {
  readonly code?: unknown;
  readonly severity?: unknown;
  /** In the server's language; all there is of it from poolers and from what only speaks the protocol. */
  readonly severity_local?: unknown;
  readonly message?: unknown;
}

const MISSING_SCHEMA = /^(42P01|42883|3F000)$/;
const DAMAGED = /^XX00[12]$/;
const READ_ONLY = "25006";

/** Another session holds a lock that this statement needs; whatever else was to be done with it is not to blame. */
export class LockNotFree extends StateError<"UNAVAILABLE"> {}

/** The server is a standby, or was told only to read. Another may write by now. */
export class ReadOnlyServer extends StateError<"UNAVAILABLE"> {}

export function readOnlyServer(cause?: unknown): ReadOnlyServer {
  const { reason, message } = meaningOfServer(READ_ONLY, "", true);
  return new ReadOnlyServer("UNAVAILABLE", message, { details: { reason }, cause });
}

/** A record's id is another's already: nothing else that is inserted can meet what is there. */
export class IdTaken extends StateError<"UNAVAILABLE"> {}

/** The role may not do this. */
export class RightMissing extends StateError<"UNAVAILABLE"> {}

const ERROR_CLASSES: Readonly<Record<string, typeof StateError<"UNAVAILABLE">>> = {
  "55P03": LockNotFree,
  "42501": RightMissing,
  "23505": IdTaken,
};

/** A StateError for whatever the client threw. Rolled back unless it says OUTCOME_UNKNOWN. */
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

/** Only an ERROR is certain to have rolled back: what ends the connection (FATAL) or the server (PANIC) may come after. */
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

/** How bad it is by the word of whoever is at the other end; nothing when the error is the client's own. */
function severityOf({ severity, severity_local }: Failure): unknown {
  return severity ?? severity_local;
}

/** The client's own errors carry the statement, its parameters and the server's detail (keys): none of it goes on. */
function causeWithoutData(error: Failure): Error {
  if (OWN_ERRORS.some((Own) => error instanceof Own)) return error as Error;
  const { code } = error;
  const severity = severityOf(error);
  return new Error(
    severity === undefined ? `postgres client: ${code ?? "failed"}` : `postgres server: ${severity} ${code}`,
  );
}
