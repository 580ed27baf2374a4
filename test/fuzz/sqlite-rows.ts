import Database from "better-sqlite3";
import {
  eventIdOf,
  eventKey,
  KEY_BYTES,
  rememberedFingerprint,
  storedFingerprint,
} from "../../drivers/sqlite/event-key.js";
import { QueuedEvents } from "../../drivers/sqlite/queued-events.js";
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
const SEEN = `
SELECT event_id, tenant, (SELECT name FROM tenant WHERE id = seen.tenant), record, fingerprint, saved_at FROM seen`;
const QUEUE = "SELECT id, lined_up_at, events FROM expiry";

const AGE = `
UPDATE seen SET saved_at = saved_at - $ms WHERE saved_at BETWEEN 1 AND 1e15;
UPDATE expiry SET lined_up_at = lined_up_at - $ms WHERE lined_up_at BETWEEN 1 AND 1e15;`;

/** Those of the tenants stay: a store knows their numbers for good. */
const RESTORED = ["record", "seen", "expiry"];

const COLUMNS: Readonly<Record<string, string>> = {
  eventId: "event_id",
  updatedAt: "updated_at",
  savedAt: "saved_at",
  linedUpAt: "lined_up_at",
};

const UNTYPED = `
UPDATE sqlite_schema SET sql = replace(replace(replace(sql, ' STRICT,', ''), ' STRICT', ''), ' NOT NULL', '')
WHERE type = 'table' AND name IN ('record', 'seen', 'expiry')`;

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

/** Where an event is stored. */
interface EventPlace {
  readonly key: Value;
  readonly tenant: Value;
  /** The row of the queue that holds it. */
  readonly queued: Value;
}

export class SqliteRows implements RawRows {
  readonly #connection: Database.Database;
  readonly #places = new WeakMap<RawEvent, EventPlace>();

  constructor(path: string) {
    this.#connection = new Database(path);
    this.#connection.pragma("synchronous = OFF");
    this.#connection.defaultSafeIntegers();
  }

  async read(): Promise<Rows> {
    return { records: this.#connection.prepare(RECORDS).all().map(recordOf), events: this.#events() };
  }

  #events(): RawEvent[] {
    const queue = new Map<string, { id: Value; linedUpAt: Value }>();
    for (const [id, linedUpAt, packed] of this.#rows(QUEUE)) {
      const events = new QueuedEvents(packed);
      for (let event = events.take(); event !== undefined; event = events.take())
        queue.set(`${event.tenant} ${eventIdOf(event.key)}`, {
          id: id as Value,
          linedUpAt: linedUpAt as Value,
        });
    }
    return this.#rows(SEEN).map((row) => {
      const [key, number, tenant, record, fingerprint, savedAt] = row as [
        Value,
        Value,
        Value,
        Value,
        Value,
        Value,
      ];
      const eventId = isPacked(key) ? eventIdOf(key) : key;
      const kept = isPacked(fingerprint) ? rememberedFingerprint(fingerprint) : fingerprint;
      const { id = null, linedUpAt = null } = queue.get(`${number} ${eventId}`) ?? {};
      const event = { id, tenant, eventId, record, fingerprint: kept, savedAt, linedUpAt };
      this.#places.set(event, { key, tenant: number, queued: id });
      return event;
    });
  }

  #rows(sql: string): unknown[][] {
    return this.#connection.prepare(sql).raw().all() as unknown[][];
  }

  async edit(edits: readonly Edit[]): Promise<void> {
    this.#connection.transaction(() => {
      for (const edit of edits) this.#edit(edit);
    })();
  }

  async age(ms: number): Promise<void> {
    for (const statement of AGE.split(";\n")) this.#connection.prepare(statement).run({ ms });
  }

  async keep(): Promise<void> {
    for (const table of RESTORED)
      this.#connection.exec(`CREATE TEMP TABLE kept_${table} AS SELECT * FROM main.${table}`);
  }

  async restore(): Promise<void> {
    const restore = (table: string) =>
      `DELETE FROM main.${table}; INSERT INTO main.${table} SELECT * FROM kept_${table};`;
    this.#connection.exec(`BEGIN; ${RESTORED.map(restore).join(" ")} COMMIT`);
  }

  close(): void {
    this.#connection.close();
  }

  #edit(edit: Edit): void {
    if ("event" in edit) this.#editEvent(edit.event, edit.set);
    else if (edit.set === undefined)
      this.#connection.prepare("DELETE FROM record WHERE id IS ?").run(edit.record.id);
    else {
      const entries = Object.entries(edit.set) as [string, Value][];
      this.#set("record", entries, "id IS ?", [edit.record.id]);
    }
  }

  #editEvent(event: RawEvent, set: Partial<RawEvent> | undefined): void {
    const { key, tenant, queued } = this.#places.get(event) as EventPlace;
    const place = "event_id IS ? AND tenant IS ?";
    if (set === undefined) {
      this.#connection.prepare(`DELETE FROM seen WHERE ${place}`).run(key, tenant);
      return;
    }
    for (const [name, value] of Object.entries(set) as [string, Value][]) {
      if (name === "id" || name === "linedUpAt") this.#set("expiry", [[name, value]], "id IS ?", [queued]);
      else this.#set("seen", [[name, this.#stored(name, value)]], place, [key, tenant]);
    }
  }

  /** As the table stores it. Its key takes no NULL, whatever its columns say. */
  #stored(column: string, value: Value): Value {
    if (column === "eventId")
      return typeof value === "string" ? (eventKey(value) as Value) : (value ?? Buffer.alloc(0));
    if (column === "fingerprint" && typeof value === "string") return storedFingerprint(value) as Value;
    if (column !== "tenant") return value;
    if (typeof value !== "string") return value ?? Buffer.alloc(0);
    this.#connection.prepare("INSERT OR IGNORE INTO tenant (name) VALUES (?)").run(value);
    return this.#connection.prepare("SELECT id FROM tenant WHERE name = ?").pluck().get(value) as Value;
  }

  #set(table: string, entries: readonly [string, Value][], place: string, key: readonly Value[]): void {
    const columns = entries.map(([name, value]) => {
      const given = value instanceof NotUtf8 ? "CAST(? AS TEXT)" : "?";
      return `${COLUMNS[name] ?? name} = ${given}`;
    });
    const values = entries.map(([, value]) => (value instanceof NotUtf8 ? value.bytes : value));
    this.#connection
      .prepare(`UPDATE ${table} SET ${columns.join(", ")} WHERE ${place}`)
      .run(...values, ...key);
  }
}

function isPacked(value: Value): value is Buffer {
  return Buffer.isBuffer(value) && value.length === KEY_BYTES;
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
