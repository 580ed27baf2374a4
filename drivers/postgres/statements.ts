import type { Names } from "./names.js";

export interface Statements {
  readonly apply: string;
  readonly applyMany: string;
  readonly erase: string;
  readonly read: string;
  readonly readMany: string;
  readonly readByEventId: string;
  readonly scan: string;
}

const RECORD =
  "r.tenant, r.usr, r.session, r.run, r.kind, r.event_id, r.version, r.updated_at, r.fingerprint, r.bytes";

/** Tenant, user, session, run, kind, condition, expected event, event, fingerprint, version, time. */
const WRITE_TYPES = [
  ...["text[]", "text[]", "text[]", "text[]", "text[]"],
  ...["int[]", "text[]", "text[]", "text[]", "bigint[]", "bigint[]"],
];
/** By way of text: a client that repeats a statement would write the bytes of a bytea twice. */
const BODY = "text::bytea";
const APPLY_TYPES = ["bigint", "text", "bigint", "int[]", "text[]", ...WRITE_TYPES, "int[]", BODY];
const APPLY_MANY_TYPES = [
  "bigint",
  "text",
  "bigint",
  "int[]",
  "int[]",
  "text[]",
  ...WRITE_TYPES,
  "int[]",
  "int[]",
  BODY,
];

const SCAN_TYPES = [
  // By way of text: the client would make "f" of any string that it knows to be a boolean.
  ...["text", "text", "text", "text", "text", "text", "text::boolean"],
  ...["text", "text", "text", "text", "text"],
  ...["bigint", "bigint"],
];

/** What the driver sends; each is one statement, and each returns rows. */
export function statementsOf(names: Names): Statements {
  return {
    apply: `SELECT * FROM ${names.apply}(${casts(APPLY_TYPES)})`,
    applyMany: `SELECT * FROM ${names.applyMany}(${casts(APPLY_MANY_TYPES)})`,
    erase: `SELECT ${names.erase}(${casts(["text", "bigint", "text", "text", "text"])}) AS count`,
    read: `
      SELECT ${RECORD} FROM ${names.record} AS r
      WHERE r.tenant = $1::text AND r.usr = $2::text AND r.session = $3::text AND r.run = $4::text AND r.kind = $5::text`,
    readMany: `
      SELECT x.place, ${RECORD}
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
        WITH ORDINALITY AS x (tenant, usr, session, run, kind, place)
      JOIN LATERAL (
        SELECT * FROM ${names.record} AS q
        WHERE q.tenant = x.tenant AND q.usr = x.usr AND q.session = x.session AND q.run = x.run AND q.kind = x.kind
        OFFSET 0
      ) AS r ON true`,
    readByEventId: `
      SELECT ${RECORD} FROM ${names.event} AS e
      JOIN ${names.record} AS r ON r.tenant = e.tenant AND r.id = e.record_id AND r.event_id = e.event_id
      WHERE e.tenant = $1::text AND e.event_id = $2::text`,
    scan: `SELECT * FROM ${names.scan}(${casts(SCAN_TYPES)}) ORDER BY place`,
  };
}

function casts(types: readonly string[]): string {
  return types.map((type, index) => `$${index + 1}::${type}`).join(", ");
}
