import type { Slot, StoredRecord } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import type { EventId } from "../../src/contract/store.js";
import type { SeenEvent, View } from "../../src/rules/decide.js";
import type { Connection } from "./connection.js";
import type { Erasures } from "./erasures.js";
import { corruptError } from "./errors.js";
import { type EventKey, eventKey, KEY_BYTES, rememberedFingerprint, storedFingerprint } from "./event-key.js";
import type { ExpiryQueue } from "./expiry-queue.js";
import type { TenantNumbers } from "./tenant-numbers.js";

const CURRENT = `
SELECT id, event_id FROM record
WHERE tenant = ? AND user = ? AND session = ? AND run = ? AND kind = ?`;

/** SQLite answers this from the index alone. */
const EXISTS = `
SELECT id FROM record
WHERE tenant = ? AND user = ? AND session = ? AND run = ? AND kind = ?`;

const SEEN = `
SELECT seen.fingerprint, seen.saved_at, record.id
FROM seen LEFT JOIN record ON record.id = seen.record AND record.tenant = ? AND record.event_id = ?
WHERE seen.event_id = ? AND seen.tenant = ?`;

/** Names the slot too: a damaged index that points at another slot's row must not make a write hit that row. */
const EXACT_ROW = "id = ? AND +tenant = ? AND +user = ? AND +session = ? AND +run = ? AND +kind = ?";
const UPDATE = `
UPDATE record SET event_id = ?, fingerprint = ?, version = ?, updated_at = ?, bytes = ? WHERE ${EXACT_ROW}`;
const INSERT = `
INSERT INTO record (tenant, user, session, run, kind, event_id, fingerprint, version, updated_at, bytes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
/** Gives the record an id above the fence, so that it does not count as erased. */
const INSERT_ABOVE = `
INSERT INTO record (id, tenant, user, session, run, kind, event_id, fingerprint, version, updated_at, bytes)
VALUES (max(?, (SELECT ifnull(max(id), 0) FROM record)) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const SLOT = "SELECT tenant, user, session, run, kind FROM record WHERE id = ?";
const DELETE = `DELETE FROM record WHERE ${EXACT_ROW}`;
const REMEMBER = `
INSERT INTO seen (event_id, tenant, record, saved_at, fingerprint) VALUES (?, ?, ?, ?, ?)`;
const REMEMBER_AGAIN = `
UPDATE seen SET record = ?, saved_at = ?, fingerprint = ? WHERE event_id = ? AND tenant = ?`;

export type CommitStatements = ReturnType<typeof prepareCommits>;

export function prepareCommits(connection: Connection) {
  return {
    current: connection.prepare(CURRENT).raw(),
    exists: connection.prepare(EXISTS).raw(),
    seen: connection.prepare(SEEN).raw(),
    update: connection.prepare(UPDATE),
    insert: connection.prepare(INSERT),
    insertAbove: connection.prepare(INSERT_ABOVE),
    slot: connection.prepare(SLOT).raw(),
    delete: connection.prepare(DELETE),
    remember: connection.prepare(REMEMBER),
    rememberAgain: connection.prepare(REMEMBER_AGAIN),
  };
}

/**
 * The state that `decide` judges commits against. It keeps the rows it looked up, so that the writes need no second query.
 * It removes erased records that it comes across.
 */
export class CommitView implements View {
  readonly now: number;
  readonly window: number;
  readonly #sql: CommitStatements;
  readonly #erasures: Erasures;
  readonly #tenants: TenantNumbers;
  readonly #queue: ExpiryQueue;
  readonly #rows = new Map<Slot, number>();
  readonly #keys = new EventKeys();
  /** Rewritten for each save: a statement copies what it is given. */
  readonly #fingerprint = Buffer.alloc(KEY_BYTES);
  /** Events that are past their window and were found all the same: they are in the queue. */
  readonly #remembered = new Set<string>();

  constructor(sql: CommitStatements, erasures: Erasures, tenants: TenantNumbers, queue: ExpiryQueue) {
    this.#sql = sql;
    this.#erasures = erasures;
    this.#tenants = tenants;
    this.#queue = queue;
    this.now = queue.options.now;
    this.window = queue.options.window;
  }

  current(slot: Slot): EventId | undefined {
    const row = this.#sql.current.get(slot.tenant, slot.user, slot.session, slot.run, slot.kind);
    if (row === undefined) return undefined;
    const [id, eventId] = row as [number, unknown];
    if (this.#erasures.removeErased(slot, id)) return undefined;
    if (typeof eventId !== "string") throw damagedAt(slot);
    this.#rows.set(slot, id);
    return eventId;
  }

  exists(slot: Slot): boolean {
    const row = this.#sql.exists.get(slot.tenant, slot.user, slot.session, slot.run, slot.kind);
    if (row === undefined) return false;
    const [id] = row as [number];
    if (this.#erasures.removeErased(slot, id)) return false;
    this.#rows.set(slot, id);
    return true;
  }

  event(tenant: string, eventId: EventId): SeenEvent | undefined {
    const number = this.#tenants.find(tenant);
    if (number === undefined) return undefined;
    const row = this.#sql.seen.get(tenant, eventId, this.#keys.of(eventId), number);
    if (row === undefined) return undefined;
    this.#remembered.add(rememberedName(number, eventId));
    const [stored, savedAt, id] = row as [unknown, number, number | null];
    if (id !== null && this.#removeIfErased(id)) return { fingerprint: null, savedAt, current: false };
    return { fingerprint: rememberedFingerprint(stored), savedAt, current: id !== null };
  }

  #removeIfErased(id: number): boolean {
    if (!this.#erasures.hasAny) return false;
    const row = this.#sql.slot.get(id) as [string, string, string, string, string];
    const [tenant, user, session, run, kind] = row;
    return this.#erasures.removeErased({ tenant, user, session, run, kind }, id);
  }

  /** Makes the record current in its slot, and remembers its event. */
  save(record: StoredRecord): void {
    const { eventId, fingerprint } = record;
    const id = this.#write(record);
    const tenant = this.#tenants.findOrAdd(record.tenant);
    const key = this.#keys.of(eventId);
    const stored = storedFingerprint(fingerprint, this.#fingerprint);
    // `decide` allowed the save, so a remembered id is past its window and can be used again.
    if (this.#remembered.size > 0 && this.#remembered.has(rememberedName(tenant, eventId)))
      this.#sql.rememberAgain.run(id, this.now, stored, key, tenant);
    else {
      this.#sql.remember.run(key, tenant, id, this.now, stored);
      this.#queue.add({ key, tenant });
    }
  }

  delete(slot: Slot): void {
    const id = this.#rows.get(slot);
    if (id !== undefined)
      requireOneChange(this.#sql.delete.run(id, slot.tenant, slot.user, slot.session, slot.run, slot.kind));
  }

  #write(record: StoredRecord): number {
    const { tenant, user, session, run, kind, eventId, fingerprint, version, updatedAt, bytes } = record;
    const id = this.#rows.get(record);
    if (id !== undefined) {
      requireOneChange(
        this.#sql.update.run(
          eventId,
          fingerprint,
          version,
          updatedAt,
          bytes,
          id,
          tenant,
          user,
          session,
          run,
          kind,
        ),
      );
      return id;
    }
    const content = [tenant, user, session, run, kind, eventId, fingerprint, version, updatedAt, bytes];
    const above = this.#erasures.fencedUpTo(record);
    const { lastInsertRowid } =
      above === undefined ? this.#sql.insert.run(...content) : this.#sql.insertAbove.run(above, ...content);
    return Number(lastInsertRowid);
  }
}

/** `eventKey`, which makes the key of one event once, however often it is asked for in turn. A key is good until the next. */
class EventKeys {
  readonly #bytes = new Uint8Array(KEY_BYTES);
  #eventId: EventId | undefined;
  #key: EventKey = "";

  of(eventId: EventId): EventKey {
    if (eventId !== this.#eventId) {
      this.#key = eventKey(eventId, this.#bytes);
      this.#eventId = eventId;
    }
    return this.#key;
  }
}

function rememberedName(tenant: number, eventId: EventId): string {
  return `${tenant} ${eventId}`;
}

/** CORRUPT when a row that was found before is not there: without this error a write would be acknowledged and lost. */
function requireOneChange({ changes }: { readonly changes: number }): void {
  if (changes !== 1)
    throw corruptError("an index of the database leads to a row that is not the one it stands for");
}

/** CORRUPT: without an event id nobody can tell whether a condition holds. */
function damagedAt({ tenant, user, session, run, kind }: Slot): StateError<"CORRUPT"> {
  const identity = { tenant, user, session, ...(run === "" ? {} : { run }) };
  const message =
    "the record in a slot does not say which event it is of: save another over it, unconditionally";
  return new StateError("CORRUPT", message, { details: { at: { identity, kind } } });
}
