import Database from "better-sqlite3";
import {
  type Edit,
  NotUtf8,
  type RawEvent,
  type RawRecord,
  type RawRows,
  type Rows,
  type Value,
} from "./raw-rows.js";

const PLACE = ["tenant", "user", "session", "run", "kind"];
const RECORDS = `
SELECT id, tenant, user, session, run, kind, event_id AS eventId, fingerprint, version, updated_at AS updatedAt, bytes,
  ${PLACE.map((column) => `CAST(${column} AS BLOB) AS raw_${column}`).join(", ")}
FROM record ORDER BY tenant, kind, user, session, run`;
const EVENTS = `
SELECT id, tenant, event_id AS eventId, record, fingerprint, saved_at AS savedAt, lined_up_at AS linedUpAt FROM event`;

const AGE = `
UPDATE event SET saved_at = saved_at - $ms, lined_up_at = lined_up_at - $ms
WHERE saved_at BETWEEN 1 AND 1e15 AND lined_up_at BETWEEN 1 AND 1e15`;

const COLUMNS: Readonly<Record<string, string>> = {
  eventId: "event_id",
  updatedAt: "updated_at",
  savedAt: "saved_at",
  linedUpAt: "lined_up_at",
};

const UNTYPED = `
UPDATE sqlite_schema SET sql = replace(replace(sql, ' STRICT', ''), ' NOT NULL', '')
WHERE type = 'table' AND name IN ('record', 'event')`;

/** The tables take values of any type from now on, as a file does whose bytes were changed. */
export function takeAnything(path: string): void {
  const connection = new Database(path);
  connection.unsafeMode();
  const version = connection.pragma("schema_version", { simple: true }) as number;
  connection.pragma("writable_schema = ON");
  connection.exec(UNTYPED);
  connection.pragma(`schema_version = ${version + 1}`);
  connection.close();
}

export class SqliteRows implements RawRows {
  readonly #connection: Database.Database;

  constructor(path: string) {
    this.#connection = new Database(path);
    this.#connection.pragma("synchronous = OFF");
    this.#connection.defaultSafeIntegers();
  }

  async read(): Promise<Rows> {
    return {
      records: this.#connection.prepare(RECORDS).all().map(recordOf),
      events: this.#connection.prepare(EVENTS).all() as RawEvent[],
    };
  }

  async edit(edits: readonly Edit[]): Promise<void> {
    this.#connection.transaction(() => {
      for (const edit of edits) this.#edit(edit);
    })();
  }

  async age(ms: number): Promise<void> {
    this.#connection.prepare(AGE).run({ ms });
  }

  async keep(): Promise<void> {
    for (const table of ["record", "event"])
      this.#connection.exec(`CREATE TEMP TABLE kept_${table} AS SELECT * FROM main.${table}`);
  }

  async restore(): Promise<void> {
    const restore = (table: string) =>
      `DELETE FROM main.${table}; INSERT INTO main.${table} SELECT * FROM kept_${table};`;
    this.#connection.exec(`BEGIN; ${restore("record")} ${restore("event")} COMMIT`);
  }

  close(): void {
    this.#connection.close();
  }

  #edit(edit: Edit): void {
    const [table, row] = "record" in edit ? ["record", edit.record] : ["event", edit.event];
    if (edit.set === undefined) {
      this.#connection.prepare(`DELETE FROM ${table} WHERE id IS ?`).run(row.id);
      return;
    }
    const entries = Object.entries(edit.set) as [string, Value][];
    const columns = entries.map(([name, value]) => {
      const given = value instanceof NotUtf8 ? "CAST(? AS TEXT)" : "?";
      return `${COLUMNS[name] ?? name} = ${given}`;
    });
    const values = entries.map(([, value]) => (value instanceof NotUtf8 ? value.bytes : value));
    this.#connection
      .prepare(`UPDATE ${table} SET ${columns.join(", ")} WHERE id IS ?`)
      .run(...values, row.id);
  }
}

function recordOf(row: unknown): RawRecord {
  const given = row as Readonly<Record<string, Value>>;
  const isBroken = (column: string) => {
    const text = given[column];
    return typeof text === "string" && !Buffer.from(text).equals(given[`raw_${column}`] as Buffer);
  };
  const columns = Object.entries(given).filter(([name]) => !name.startsWith("raw_"));
  return { ...Object.fromEntries(columns), broken: PLACE.filter(isBroken) } as unknown as RawRecord;
}
