import { StateError } from "../../src/contract/errors.js";
import type { Row } from "./client.js";
import { readOnlyServer } from "./errors.js";

/** A required setting of a session, and what to do when it differs. */
interface Need {
  readonly setting: string;
  readonly fits: (value: string) => boolean;
  readonly message: string;
}

/** Settings that the server, the database, the role or a pooler may change. */
const NEEDS: readonly Need[] = [
  // In another encoding the server would convert text, and refuse text that it cannot convert.
  need("server_encoding", "UTF8", "the database's encoding is not UTF8: create one with ENCODING 'UTF8'"),
  need("client_encoding", "UTF8", "client_encoding is not UTF8: leave it to the client"),
  need(
    "transaction_isolation",
    "read committed",
    "the isolation level is not read committed: make it the role's default",
  ),
  // The forms in which the client reads bytes and the driver writes arrays.
  need("bytea_output", "hex", forRole("bytea_output must be hex")),
  need("array_nulls", "on", forRole("array_nulls must be on")),
  {
    // A warning reports that a commit did not reach its standby.
    setting: "client_min_messages",
    fits: (value) => !/^(error|fatal|panic)$/.test(value),
    message: forRole("client_min_messages must let warnings through"),
  },
];

const SEARCH_PATH_MESSAGE = forRole("search_path must not put a schema before pg_catalog");

/** pg_catalog must come first, except for temporary objects. */
const OWN_FIRST = /^(pg_temp_\d+,)?pg_catalog(,|$)/;

const SOME_TEXT = "\u00e9\u{1f600}";
const SOME_BYTES = Buffer.from("005cff", "hex");

const PARAMETERS = [SOME_TEXT, `\\x${SOME_BYTES.toString("hex")}`] as const;

/**
 * The probe: the first statement on a new connection, and on an idle one before it is used again. A client that somebody else
 * made is also asked whether it leaves parameters alone, which takes another round trip. The answer has these columns too.
 */
export function readiness(
  ownsClient: boolean,
  columns = "",
): { text: string; parameters: readonly string[] } {
  if (!ownsClient) return { text: ready("$1", "$2", columns), parameters: PARAMETERS };
  const [text, bytes] = PARAMETERS;
  return { text: ready(`'${text}'`, `'${bytes}'`, columns), parameters: [] };
}

const ready = (text: string, bytes: string, columns: string) => `
  SELECT 1 AS is_ready, ${text}::text AS some_text, ${bytes}::text::bytea AS some_bytes,
  pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000)::text AS milliseconds,
  pg_catalog.pg_is_in_recovery()::text AS is_standby,
  pg_catalog.current_setting('transaction_read_only') AS is_read_only,
  pg_catalog.pg_postmaster_start_time()::text AS server_start,
  pg_catalog.array_to_string(pg_catalog.current_schemas(true), ',') AS search_schemas,
  (EXTRACT(epoch FROM pg_catalog.current_setting('statement_timeout')::interval) * 1000)::bigint::text
    AS statement_timeout,
  ${NEEDS.map(({ setting }) => `pg_catalog.current_setting('${setting}') AS ${setting}`).join(", ")}
  ${columns && `, ${columns}`}`;

/** The state of a server that is ready. */
export interface Readiness {
  /** Its clock, in milliseconds since 1970. */
  readonly milliseconds: number;
  /** When it was started, as text: identifies the server. */
  readonly server: string;
}

/**
 * Checks the probe's row: the server must be a primary, and neither the client nor a pooler may change values or settings.
 * Throws UNAVAILABLE with what to do. `statementTimeoutMs` is the statement_timeout set at connect, if any.
 */
export function readinessOf(row: Row | undefined, statementTimeoutMs: number | undefined): Readiness {
  const given = row ?? {};
  if (!isFaithful(given))
    throw setupError("a client that connect makes must be a plain one, without transform and types");
  for (const { setting, fits, message } of NEEDS)
    if (!fits(String(given[setting]))) throw setupError(message);
  if (!OWN_FIRST.test(String(given.search_schemas))) throw setupError(SEARCH_PATH_MESSAGE);
  if (statementTimeoutMs !== undefined && given.statement_timeout !== String(statementTimeoutMs)) {
    throw setupError(
      "a pooler in between drops the session's settings (statement_timeout): open with prepare: false",
    );
  }
  if (given.is_standby !== "false" || given.is_read_only !== "off") throw readOnlyServer();
  return { milliseconds: Number(given.milliseconds), server: String(given.server_start) };
}

/** Whether the client neither renames columns nor transforms values. */
function isFaithful({ is_ready, some_text, some_bytes, bytea_output, milliseconds }: Row): boolean {
  if (is_ready !== 1 || some_text !== SOME_TEXT || !Number.isSafeInteger(Number(milliseconds))) return false;
  return bytea_output !== "hex" || (Buffer.isBuffer(some_bytes) && some_bytes.equals(SOME_BYTES));
}

function need(setting: string, wanted: string, message: string): Need {
  return { setting, fits: (value) => value === wanted, message };
}

function forRole(what: string): string {
  return `${what}: set it for the role or the database`;
}

function setupError(message: string): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", message, { details: { reason: "setup" } });
}
