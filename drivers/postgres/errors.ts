import { isStateError, StateError, type UnavailableReason } from "../../src/errors.js";

/** What is at stake when a statement fails: `write` may have taken effect unless the server said that it did not. */
export type Intent = "connect" | "read" | "write";

/** No answer came before the deadline. */
export class DeadlinePassed extends Error {
  constructor() {
    super("no answer from the server in time");
  }
}

/** The answer does not hang together: rows are missing from it. */
export class AnswerTorn extends Error {
  constructor() {
    super("the client lost rows of an answer");
  }
}

/** What `postgres` throws: the server's own fields, or a client's or socket's error without a severity. */
interface Failure {
  readonly code?: unknown;
  readonly severity?: unknown;
  readonly message?: unknown;
}

interface Meaning {
  readonly reason: UnavailableReason;
  readonly says: string;
}

/** By SQLSTATE, the longest prefix first. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const MEANINGS: readonly (readonly [prefix: string, meaning: Meaning])[] = [
  ["40001", { reason: "busy", says: "another writer came first" }],
  ["40P01", { reason: "busy", says: "the server broke a deadlock" }],
  ["55P03", { reason: "busy", says: "a lock was not to be had in time" }],
  ["57014", { reason: "busy", says: "the statement took longer than it may" }],
  ["57P03", { reason: "unreachable", says: "the server is starting or stopping: try again" }],
  [
    "53300",
    { reason: "busy", says: "the server has no connection left: raise max_connections or lower poolSize" },
  ],
  ["53100", { reason: "refused", says: "the server's disk is full: make room" }],
  ["53200", { reason: "refused", says: "the server is out of memory or locks for work of this size" }],
  ["28", { reason: "setup", says: "the server refused the login: check user, password and pg_hba.conf" }],
  ["3D", { reason: "setup", says: "the database does not exist: create it" }],
  [
    "42501",
    { reason: "setup", says: "the role lacks a right: grant it, or migrate once with a role that has it" },
  ],
  ["25006", { reason: "setup", says: "the server only reads (a standby?): connect to the primary" }],
  [
    "25001",
    { reason: "setup", says: "the isolation level is not read committed: make it the role's default" },
  ],
];

const MISSING_SCHEMA = /^(42P01|42883|3F000)$/;
const CONNECTION_LOST = /^(08|57P)/;
const DAMAGED = /^XX00[12]$/;

/** A StateError for whatever the client threw. Rolled back unless it says OUTCOME_UNKNOWN. */
export function translate(error: unknown, intent: Intent): StateError {
  if (isStateError(error)) return error;
  const { code, severity } = error as Failure;
  const state = typeof code === "string" ? code : "";
  const cause = describe(error as Failure);
  if (severity === undefined || CONNECTION_LOST.test(state)) return lost(intent, error, cause);
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
      {
        details: { found: 0, pending: [] },
        cause,
      },
    );
  }
  const meaning = MEANINGS.find(([prefix]) => state.startsWith(prefix))?.[1];
  return unavailable(meaning ?? { reason: "refused", says: "the server refused the statement" }, cause);
}

function lost(intent: Intent, error: unknown, cause: Error): StateError {
  if (intent === "write") {
    return new StateError("OUTCOME_UNKNOWN", "the connection was lost while the write was under way", {
      details: {},
      cause,
    });
  }
  const says =
    error instanceof DeadlinePassed
      ? "the server does not answer: check that it runs and is not overloaded"
      : "the server cannot be reached: check that it runs, its host and its port";
  return unavailable({ reason: "unreachable", says }, cause);
}

function unavailable({ reason, says }: Meaning, cause: Error): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", says, { details: { reason }, cause });
}

/** The client's own errors carry the statement, its parameters and the server's detail (keys): none of it goes on. */
function describe(error: Failure): Error {
  if (error instanceof DeadlinePassed || error instanceof AnswerTorn) return error;
  const { code, severity } = error;
  return new Error(
    severity === undefined ? `postgres client: ${code ?? "failed"}` : `postgres server: ${severity} ${code}`,
  );
}
