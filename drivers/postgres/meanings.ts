import type { UnavailableReason } from "../../src/contract/error-details.js";
import { TlsRefused, Untrusted } from "./secure.js";

/** What an error of the server or of the client means, and what to do. */
export interface Meaning {
  readonly reason: UnavailableReason;
  readonly message: string;
}

/** By SQLSTATE, the longest prefix first. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const MEANINGS: readonly (readonly [prefix: string, meaning: Meaning])[] = [
  ["40001", { reason: "busy", message: "another writer came first: try again" }],
  ["40P01", { reason: "busy", message: "the server broke a deadlock: try again" }],
  ["55P03", { reason: "busy", message: "a lock was not to be had in time: try again" }],
  [
    "57014",
    { reason: "busy", message: "the statement took longer than it may: try again, or raise timeoutMs" },
  ],
  ["57P03", { reason: "unreachable", message: "the server is starting or stopping: try again" }],
  [
    "53300",
    { reason: "busy", message: "the server has no connection left: raise max_connections or lower poolSize" },
  ],
  ["53100", { reason: "refused", message: "the server's disk is full: make room" }],
  [
    "53200",
    {
      reason: "refused",
      message:
        "the server is out of memory or locks for work of this size: try again, or raise max_locks_per_transaction",
    },
  ],
  [
    "28",
    {
      reason: "setup",
      message:
        "the server refused the login: check user, password, pg_hba.conf and whether it wants TLS (sslmode)",
    },
  ],
  ["3D", { reason: "setup", message: "the database does not exist: create it" }],
  [
    "42501",
    { reason: "setup", message: "the role lacks a right: grant it, or migrate once with a role that has it" },
  ],
  ["42704", { reason: "setup", message: "the server does not know a setting: leave it out of the url" }],
  // During a failover a standby is the same as no server.
  ["25006", { reason: "unreachable", message: "the server only reads (a standby?): connect to the primary" }],
  [
    "25001",
    { reason: "setup", message: "the isolation level is not read committed: make it the role's default" },
  ],
  [
    "GS001",
    {
      reason: "setup",
      message:
        "a payload did not arrive as it was sent, and nothing was written: the client serializes twice, as it does behind poolers that forget prepared statements: open, and make clients, with prepare: false",
    },
  ],
  [
    "GS002",
    {
      reason: "setup",
      message:
        "the policies of the tables ask for a tenant and a key: open with isolation and the tenantKey of isolateTenants, or give admin a role that sees all tenants (docs/drivers/postgres-isolation.md)",
    },
  ],
  // A pooler sends each statement to another session.
  ["08P01", { reason: "setup", message: "a pooler is in between: open with prepare: false" }],
  ["26000", { reason: "setup", message: "a pooler is in between: open with prepare: false" }],
  ["42P05", { reason: "setup", message: "a pooler is in between: open with prepare: false" }],
];

const UNREACHABLE: Meaning = {
  reason: "unreachable",
  message: "the server cannot be reached: check that it runs, its host and its port",
};
export const NO_ANSWER: Meaning = {
  reason: "unreachable",
  message: "the server does not answer: check that it runs and is not overloaded",
};
const UNENCRYPTED: Meaning = {
  reason: "setup",
  message: "the server does not offer TLS, which sslmode asks for: turn it on there, or ask for less",
};
const UNTRUSTED: Meaning = {
  reason: "setup",
  message: "no secure connection could be agreed on: check sslmode, sslrootcert and the server's certificate",
};
const REFUSED: Meaning = { reason: "refused", message: "the server refused the statement" };

/** The error comes from a pooler and not from a server. */
const POOLER_HAS_NO_SERVER: Meaning = {
  reason: "unreachable",
  message:
    "a pooler answered that it has no server to give: check that the server runs, and the pooler's log",
};
const POOLER_KNOWS_NO_DATABASE: Meaning = {
  reason: "setup",
  message:
    "a pooler answered that it does not know this database or user: add it to the pooler's configuration",
};
const POOLER_FORGETS: Meaning = {
  reason: "setup",
  message: "a pooler is in between: open with prepare: false",
};

/** Matches only names of settings and of database objects: any other text of a message may contain data. */
const SETTING =
  /(unsupported startup|unrecognized configuration) parameter(?: in options)?:? "?([a-z_][\w.]{0,62})"?$/i;
const OBJECT =
  /^permission denied for (schema|table|view|sequence|function|procedure|database) "?([a-z_]\w{0,62})"?$/;

/** The rights needed to use an object of each kind. */
const RIGHTS: Readonly<Record<string, string>> = {
  schema: "USAGE (and CREATE, to migrate)",
  table: "SELECT, INSERT, UPDATE or DELETE",
  view: "SELECT",
  sequence: "USAGE and UPDATE",
  function: "EXECUTE",
  procedure: "EXECUTE",
  database: "CREATE",
};

/** Error codes of the client and of Node for a failed TLS or password handshake. */
const UNTRUSTED_CODE = /CERT|^ERR_(SSL|TLS)|EPROTO|SASL_SIGNATURE/;

/** Whether the error ended the connection or the server. The transaction may have committed. */
export function isLost(state: string): boolean {
  return /^(08|57P|40003)/.test(state);
}

/** The meaning of an error that a server sent. `isPostgres` is false for a pooler, which sends no English severity. */
export function meaningOfServer(state: string, message: string, isPostgres: boolean): Meaning {
  const [, refused, setting] = SETTING.exec(message) ?? [];
  if (setting !== undefined)
    return refused?.startsWith("uns") ? droppedSetting(setting) : unknownSetting(setting);
  if (!isPostgres && state === "08P01") return meaningOfPooler(message);
  const [, kind, object] = OBJECT.exec(message) ?? [];
  if (state === "42501" && kind !== undefined)
    return missingRight(RIGHTS[kind] as string, `${kind} ${object}`);
  const found = MEANINGS.find(([prefix]) => state.startsWith(prefix))?.[1];
  return found ?? (isLost(state) ? UNREACHABLE : REFUSED);
}

/** The meaning of an error of the client or of its socket. */
export function meaningOfClient(error: unknown, state: string): Meaning {
  if (error instanceof TlsRefused) return UNENCRYPTED;
  if (error instanceof Untrusted) return UNTRUSTED;
  return UNTRUSTED_CODE.test(state) ? UNTRUSTED : UNREACHABLE;
}

/** https://www.pgbouncer.org: it uses one code for all its own errors. */
function meaningOfPooler(message: string): Meaning {
  if (/prepared statement/.test(message)) return POOLER_FORGETS;
  return /no such (database|user)/.test(message) ? POOLER_KNOWS_NO_DATABASE : POOLER_HAS_NO_SERVER;
}

function droppedSetting(setting: string): Meaning {
  return {
    reason: "setup",
    message: `a pooler in between does not keep the setting ${setting}: open with prepare: false, which asks for none, and leave it out of the url`,
  };
}

function unknownSetting(setting: string): Meaning {
  return {
    reason: "setup",
    message: `the server does not know the setting ${setting}: leave it out of the url`,
  };
}

function missingRight(right: string, object: string): Meaning {
  return {
    reason: "setup",
    message: `the role lacks a right on ${object}: grant it ${right}, or migrate once with a role that has it`,
  };
}
