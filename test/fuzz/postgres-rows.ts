import postgres from "postgres";
import { eventFingerprint, eventIdOf, eventKey } from "../../drivers/postgres/event-key.js";
import type { Edit, RawEvent, RawRecord, RawRows, Rows, Value } from "./raw-rows.js";

const RECORDS = `
SELECT id::text, tenant, user_id AS user, session, run, kind, event_id AS "eventId", fingerprint, version::text,
  updated_at::text AS "updatedAt", bytes
FROM groundstate.record ORDER BY tenant, kind, user_id, session, run`;
const EVENTS = `
SELECT tenant, ${eventIdOf("event_key")} AS "eventId", record_id::text AS record, encode(fingerprint, 'hex') AS fingerprint,
  saved_at::text AS "savedAt",
  lined_up_at::text AS "linedUpAt"
FROM groundstate.event`;

const AGE = `
UPDATE groundstate.event
SET saved_at = saved_at - $1::text::bigint, lined_up_at = lined_up_at - $1::text::bigint
WHERE saved_at BETWEEN 1 AND 1e15 AND lined_up_at BETWEEN 1 AND 1e15`;

const COLUMNS: Readonly<Record<string, string>> = {
  user: "user_id",
  eventId: "event_id",
  updatedAt: "updated_at",
  record: "record_id",
  savedAt: "saved_at",
  linedUpAt: "lined_up_at",
};
const INTEGERS = new Set(["id", "version", "updatedAt", "record", "savedAt", "linedUpAt"]);
const MAY_BE_NULL = {
  record: ["id", "event_id", "version", "updated_at", "fingerprint", "bytes"],
  event: ["record_id", "saved_at", "lined_up_at"],
};

export class PostgresRows implements RawRows {
  readonly #sql: ReturnType<typeof postgres>;

  constructor(url: string) {
    this.#sql = postgres(url, { max: 1, fetch_types: false, onnotice() {} });
  }

  /** Columns that are no key take NULL from now on. */
  async takeNull(): Promise<void> {
    for (const [table, columns] of Object.entries(MAY_BE_NULL))
      for (const column of columns)
        await this.#sql.unsafe(`ALTER TABLE groundstate.${table} ALTER ${column} DROP NOT NULL`);
  }

  async read(): Promise<Rows> {
    const records = await this.#sql.unsafe(RECORDS);
    const events = await this.#sql.unsafe(EVENTS);
    return {
      records: records.map((row) => ({ ...withIntegers<RawRecord>(row), broken: [] })),
      events: events.map(withIntegers<RawEvent>),
    };
  }

  async edit(edits: readonly Edit[]): Promise<void> {
    for (const edit of edits) await this.#edit(edit);
  }

  async age(ms: number): Promise<void> {
    await this.#sql.unsafe(AGE, [String(ms)]);
  }

  async keep(): Promise<void> {
    for (const table of ["record", "event"])
      await this.#sql.unsafe(`CREATE TEMP TABLE kept_${table} AS SELECT * FROM groundstate.${table}`);
  }

  async restore(): Promise<void> {
    const restore = (table: string) =>
      `DELETE FROM groundstate.${table}; INSERT INTO groundstate.${table} SELECT * FROM kept_${table};`;
    await this.#sql.unsafe(restore("record") + restore("event"));
  }

  close(): Promise<void> {
    return this.#sql.end({ timeout: 1 });
  }

  async #edit(edit: Edit): Promise<void> {
    const [table, key, values] =
      "record" in edit
        ? ["record", "id = $1::text::bigint", [String(edit.record.id)]]
        : [
            "event",
            `tenant = $1::text AND event_key = ${eventKey("$2::text")}`,
            [edit.event.tenant, edit.event.eventId],
          ];
    if (edit.set === undefined) {
      await this.#sql.unsafe(`DELETE FROM groundstate.${table} WHERE ${key}`, values as string[]);
      return;
    }
    const entries = Object.entries(edit.set) as [string, Value][];
    const columns = entries.map(([name], index) => {
      const value = `$${values.length + index + 1}::${typeOf(name)}`;
      if (table === "event" && name === "eventId") return `event_key = ${eventKey(value)}`;
      if (table === "event" && name === "fingerprint") return `fingerprint = ${eventFingerprint(value)}`;
      return `${COLUMNS[name] ?? name} = ${value}`;
    });
    const given = entries.map(([, value]) => (typeof value === "bigint" ? String(value) : value));
    await this.#sql.unsafe(`UPDATE groundstate.${table} SET ${columns.join(", ")} WHERE ${key}`, [
      ...values,
      ...given,
    ] as string[]);
  }
}

function typeOf(column: string): string {
  if (column === "bytes") return "bytea";
  return INTEGERS.has(column) ? "text::bigint" : "text";
}

function withIntegers<T>(row: Readonly<Record<string, unknown>>): T {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    INTEGERS.has(name) && value !== null ? BigInt(value as string) : value,
  ]);
  return Object.fromEntries(entries) as T;
}
