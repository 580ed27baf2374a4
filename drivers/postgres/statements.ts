import { eventKey } from "./event-key.js";
import { isFencedOff } from "./fences.js";
import type { Names } from "./names.js";

export interface Statements {
  readonly apply: string;
  readonly applyMany: string;
  readonly applyOne: string;
  readonly sweep: string;
  readonly settleIds: string;
  readonly read: string;
  readonly readMany: string;
  readonly readEventIds: string;
  readonly readByEventId: string;
  readonly scan: string;
  readonly scanHeaders: string;
  readonly count: string;
  readonly scanSessions: string;
}

const HEADER =
  "r.tenant, r.user_id, r.session, r.run, r.kind, r.event_id, r.version, r.updated_at, r.fingerprint";
const RECORD = `${HEADER}, r.bytes`;
/** A large payload lies in a table of its own, which the server reads only where the payload is selected. */
const WITHOUT_BYTES = `${HEADER}, ''::bytea AS bytes`;

/** Tenant, user, session, run, kind, condition, expected event, event, fingerprint, version, time. */
const WRITE_TYPES = [
  ...["text[]", "text[]", "text[]", "text[]", "text[]"],
  ...["int[]", "text[]", "text[]", "text[]", "bigint[]", "bigint[]"],
];
/** Sent as text: a client that repeats a statement would encode a bytea twice. */
const BODY = "text::bytea";
/** Window, wait for session locks, lock timeout, deadline, head of the expiry queue. */
const BATCH_TYPES = ["bigint", "bigint", "text", "bigint", "bigint"];
const APPLY_TYPES = [...BATCH_TYPES, "int", "int", "int[]", "text[]", ...WRITE_TYPES, "int[]", BODY];
const APPLY_MANY_TYPES = [
  ...BATCH_TYPES,
  ...["text[]", "text[]", "int[]", "int[]", "text[]"],
  ...WRITE_TYPES,
  ...["int[]", "int[]", BODY],
];
/** Window, lock timeout, deadline, head of the expiry queue; the write. */
const APPLY_ONE_TYPES = [
  ...["bigint", "text", "bigint", "bigint"],
  ...["text", "text", "text", "text", "text", "int", "text", "text", "text", "bigint", "bigint", "int", BODY],
];
const SWEEP_TYPES = ["text", "bigint", ...Array<string>(7).fill("text"), "bigint", "int"];

const SCAN_TYPES = [
  // Sent as text: for a boolean parameter the client would send "f" for any string.
  ...["text", "text", "text", "text", "text", "text", "text::boolean"],
  ...["text", "text", "text", "text", "text"],
  ...["bigint", "bigint", "bigint"],
];

const COUNT_TYPES = ["text", "text", "text", "text", "text", "text", "bigint"];
const SCAN_SESSIONS_TYPES = ["text", "text", "text", "text", "text", "text", "bigint", "bigint"];

/** The SQL that the driver sends. Each text is one statement that returns rows. */
export function statementsOf(names: Names): Statements {
  return {
    apply: `SELECT * FROM ${names.apply}(${casts(APPLY_TYPES)})`,
    applyOne: `SELECT * FROM ${names.applyOne}(${casts(APPLY_ONE_TYPES)})`,
    applyMany: `SELECT * FROM ${names.applyMany}(${casts(APPLY_MANY_TYPES)})`,
    sweep: `SELECT * FROM ${names.sweep}(${casts(SWEEP_TYPES)})`,
    settleIds: `SELECT ${names.settleIds}() AS was_behind`,
    read: `
      SELECT ${RECORD} FROM ${names.record} AS r
      WHERE r.tenant = $1::text AND r.user_id = $2::text AND r.session = $3::text AND r.run = $4::text AND r.kind = $5::text
        AND NOT ${isFencedOff(names, "r")}`,
    readMany: readSlots(names, RECORD, "*"),
    readEventIds: readSlots(names, "r.event_id", "q.event_id"),
    // OFFSET 0 makes the planner look up the record by its id, even if it expects few records in the session.
    readByEventId: `
      SELECT ${RECORD} FROM ${names.event} AS e
      JOIN LATERAL (
        SELECT * FROM ${names.record} AS q WHERE q.tenant = e.tenant AND q.id = e.record_id OFFSET 0
      ) AS r ON r.event_id = $4::text AND r.user_id = $2::text AND r.session = $3::text
        AND NOT ${isFencedOff(names, "r")}
      WHERE e.tenant = $1::text AND e.event_key = ${eventKey("$4::text")}`,
    scan: `SELECT * FROM ${names.scan}(${casts(SCAN_TYPES)}) ORDER BY place`,
    scanHeaders: `
      SELECT r.place, ${WITHOUT_BYTES} FROM ${names.scan}(${casts(SCAN_TYPES)}) AS r ORDER BY r.place`,
    count: `SELECT ${names.count}(${casts(COUNT_TYPES)}) AS count`,
    scanSessions: `SELECT * FROM ${names.scanSessions}(${casts(SCAN_SESSIONS_TYPES)}) ORDER BY place`,
  };
}

/** One row per slot that holds a record, with these columns of the record. */
function readSlots(names: Names, columns: string, innerColumns: string): string {
  return `
      SELECT x.place, ${columns}
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
        WITH ORDINALITY AS x (tenant, usr, session, run, kind, place)
      JOIN LATERAL (
        SELECT ${innerColumns} FROM ${names.record} AS q
        WHERE q.tenant = x.tenant AND q.user_id = x.usr AND q.session = x.session AND q.run = x.run AND q.kind = x.kind
          AND NOT ${isFencedOff(names, "q")}
        OFFSET 0
      ) AS r ON true`;
}

/** Notifies of its one parameter. */
export function notifyStatement({ channel }: Names): string {
  return `SELECT pg_catalog.pg_notify('${channel.slice(1, -1)}', $1::text)::text AS notified`;
}

/** The statement, which also notifies of one parameter more, in the same transaction. */
export function notifying({ channel }: Names, statement: string, parameters: number): string {
  // A subquery that depends on no row runs once.
  const notified = `SELECT pg_catalog.pg_notify('${channel.slice(1, -1)}', $${parameters + 1}::text)::text`;
  return `SELECT answer.*, (${notified}) AS notified FROM (${statement}) AS answer`;
}

function casts(types: readonly string[]): string {
  return types.map((type, index) => `$${index + 1}::${type}`).join(", ");
}
