import type { UnavailableReason } from "../../src/error-details.js";
import { isStateError, StateError } from "../../src/errors.js";

/** What is at stake when a statement fails: a `write` may have taken effect unless the server said that it did not. */
export type Intent = "read" | "write";

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

/** The client does not give answers as the server sent them. */
export class ClientUnfit extends Error {
  constructor() {
    super("the client changes the names or values of columns");
  }
}

/** What `postgres` throws: the server's own fields, or a client's or socket's error without a severity. */
interface Failure {
  readonly code?: unknown;
  readonly severity?: unknown;
}

interface Meaning {
  readonly reason: UnavailableReason;
  readonly says: string;
}

/** By SQLSTATE, the longest prefix first. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const MEANINGS: readonly (readonly [prefix: string, meaning: Meaning])[] = [
  ["40001", { reason: "busy", says: "another writer came first: try again" }],
  ["40P01", { reason: "busy", says: "the server broke a deadlock: try again" }],
  ["55P03", { reason: "busy", says: "a lock was not to be had in time: try again" }],
  ["57014", { reason: "busy", says: "the statement took longer than it may: try again, or raise timeoutMs" }],
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
  // A pooler that refuses a setting at connect, or that hands each statement to another session.
  ["08P01", { reason: "setup", says: "a pooler is in between: open with prepare: false" }],
  ["26000", { reason: "setup", says: "a pooler is in between: open with prepare: false" }],
  ["42P05", { reason: "setup", says: "a pooler is in between: open with prepare: false" }],
];

const UNREACHABLE: Meaning = {
  reason: "unreachable",
  says: "the server cannot be reached: check that it runs, its host and its port",
};
const SILENT: Meaning = {
  reason: "unreachable",
  says: "the server does not answer: check that it runs and is not overloaded",
};
const UNTRUSTED: Meaning = {
  reason: "setup",
  says: "no secure connection could be agreed on: check sslmode and the server's certificate",
};
const UNFIT: Meaning = {
  reason: "setup",
  says: "bytes do not come back as they are: bytea_output must be hex, and a client that connect makes a plain one, without transform and types",
};
const REFUSED: Meaning = { reason: "refused", says: "the server refused the statement" };

const MISSING_SCHEMA = /^(42P01|42883|3F000)$/;
/** The server was on its way down, whatever became of the transaction. */
const CONNECTION_LOST = /^(08|57P|40003)/;
const DAMAGED = /^XX00[12]$/;
/** The client's and Node's own names for what goes wrong on the way to a trusted connection. */
const NO_TRUST = /CERT|^ERR_(SSL|TLS)|EPROTO|SASL_SIGNATURE/;

const LOCK_TIMEOUT = "55P03";

/** Another session holds a lock that this statement needs; whatever else was to be done with it is not to blame. */
export class LockNotFree extends StateError<"UNAVAILABLE"> {}

/** A StateError for whatever the client threw. Rolled back unless it says OUTCOME_UNKNOWN. */
export function translate(error: unknown, intent: Intent): StateError {
  if (isStateError(error)) return error;
  const { code, severity } = error as Failure;
  const state = typeof code === "string" ? code : "";
  const cause = describe(error as Failure);
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
  const { reason, says } = severity === undefined ? meaningOfClient(error, state) : meaningOfServer(state);
  const Unavailable = state === LOCK_TIMEOUT ? LockNotFree : StateError<"UNAVAILABLE">;
  return new Unavailable("UNAVAILABLE", says, { details: { reason }, cause });
}

/** Only an ERROR is certain to have rolled back: what ends the connection (FATAL) or the server (PANIC) may come after. */
function isUnknown(state: string, severity: unknown): boolean {
  return severity !== "ERROR" || CONNECTION_LOST.test(state);
}

function unknown(error: unknown, cause: Error): StateError<"OUTCOME_UNKNOWN"> {
  const what = error instanceof DeadlinePassed ? "the server did not answer" : "the connection was lost";
  return new StateError(
    "OUTCOME_UNKNOWN",
    `${what} while the write was under way: read before you write again`,
    { details: {}, cause },
  );
}

function meaningOfServer(state: string): Meaning {
  const found = MEANINGS.find(([prefix]) => state.startsWith(prefix))?.[1];
  return found ?? (CONNECTION_LOST.test(state) ? UNREACHABLE : REFUSED);
}

function meaningOfClient(error: unknown, state: string): Meaning {
  if (error instanceof DeadlinePassed) return SILENT;
  if (error instanceof ClientUnfit) return UNFIT;
  return NO_TRUST.test(state) ? UNTRUSTED : UNREACHABLE;
}

/** The client's own errors carry the statement, its parameters and the server's detail (keys): none of it goes on. */
function describe(error: Failure): Error {
  if (error instanceof DeadlinePassed || error instanceof AnswerTorn || error instanceof ClientUnfit)
    return error;
  const { code, severity } = error;
  return new Error(
    severity === undefined ? `postgres client: ${code ?? "failed"}` : `postgres server: ${severity} ${code}`,
  );
}
