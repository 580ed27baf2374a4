import type {
  CallLimit,
  CountQuery,
  ScanPage,
  ScanQuery,
  Session,
  SessionsPage,
  SessionsQuery,
  Slot,
  StoredRecord,
} from "../../src/contract/driver.js";
import type { EventId } from "../../src/contract/store.js";
import { atOnce } from "../../src/timing/in-slices.js";
import { firstPageOf } from "../first-page.js";
import { type Connection, limitCache } from "./connection.js";
import { countSteps, prepareCount } from "./count.js";
import { translated } from "./errors.js";
import { eventKey } from "./event-key.js";
import { RECORD_NOT_ERASED } from "./fences.js";
import type { LongLists } from "./long-lists.js";
import { CONTENT_COLUMNS, recordOf, recordWithSlotOf, SLOT_COLUMNS } from "./row.js";
import { listSteps, prepareLists, prepareScans, scanTenant, scanTenants } from "./scan.js";
import { preparedOnFirstUse, schemaVersion } from "./schema.js";
import { prepareSessionScan, scanSessions } from "./session-scan.js";
import { Transactions } from "./transactions.js";

const BY_SLOT = `
SELECT ${CONTENT_COLUMNS} FROM record
WHERE tenant = ? AND user = ? AND session = ? AND run = ? AND kind = ? AND ${RECORD_NOT_ERASED}`;

const EVENT_ID = `
SELECT record.event_id FROM record
WHERE tenant = ? AND user = ? AND session = ? AND run = ? AND kind = ? AND ${RECORD_NOT_ERASED}`;

/**
 * Finds the record through the event memory, because records have no index of event ids. The owner's columns come before
 * the payload in a row, so SQLite checks them without reading the payload.
 */
const BY_EVENT = `
SELECT ${CONTENT_COLUMNS}, ${SLOT_COLUMNS} FROM tenant
JOIN seen ON seen.tenant = tenant.id AND seen.event_id = ?
JOIN record ON record.id = seen.record AND record.tenant = tenant.name AND record.event_id = ?
WHERE tenant.name = ? AND +record.user = ? AND +record.session = ? AND ${RECORD_NOT_ERASED}`;

/** How many readers this thread has made. */
let readers = 0;

/**
 * Reads from the database. It holds no statement and no transaction between two calls: either would prevent checkpoints
 * from resetting the log, and show an old state.
 */
export class Reader {
  readonly #number = ++readers;
  readonly #connection: Connection;
  readonly #transactions: Transactions;
  readonly #statements: () => ReturnType<typeof prepareReads>;
  readonly #longLists: LongLists | undefined;

  /** Without `longLists` every list is read at once: a database in memory has only one connection. */
  constructor(connection: Connection, longLists?: LongLists) {
    this.#longLists = longLists;
    this.#connection = connection;
    this.#transactions = new Transactions(connection);
    this.#statements = preparedOnFirstUse(connection, prepareReads);
  }

  read(slots: readonly Slot[]): readonly (StoredRecord | undefined)[] {
    const { bySlot } = this.#statements();
    const find = (slot: Slot): StoredRecord | undefined => {
      const { tenant, user, session, run, kind } = slot;
      const row = bySlot.get(tenant, user, session, run, kind);
      return row === undefined ? undefined : recordOf(row as readonly unknown[], slot);
    };
    return this.#findAll(slots, find);
  }

  readEventIds(slots: readonly Slot[]): readonly (EventId | undefined)[] {
    const { eventId } = this.#statements();
    const find = (slot: Slot): EventId | undefined => {
      const { tenant, user, session, run, kind } = slot;
      const row = eventId.get(tenant, user, session, run, kind);
      return row === undefined ? undefined : (row as readonly [EventId])[0];
    };
    return this.#findAll(slots, find);
  }

  /**
   * Differs from before if another connection has committed since.
   * https://www.sqlite.org/pragma.html#pragma_data_version
   */
  dataVersion(): string {
    const version = translated(() => this.#connection.pragma("data_version", { simple: true }));
    // The number of one connection says nothing about that of another.
    return `${this.#number}:${version}`;
  }

  readByEventId(session: Session, eventId: string): StoredRecord | undefined {
    const { byEvent } = this.#statements();
    const names = [eventKey(eventId), eventId, session.tenant, session.user, session.session];
    const row = translated(() => byEvent.get(...names));
    return row === undefined ? undefined : recordWithSlotOf(row as readonly unknown[]);
  }

  scan(query: ScanQuery, limit: CallLimit = {}): ScanPage | Promise<ScanPage> {
    const { scans } = this.#statements();
    const { identity, tenant } = query;
    if (identity !== undefined) return this.#list(query, identity, limit);
    if (tenant !== undefined) return this.#transactions.reading(() => scanTenant(scans, query, tenant));
    return this.#transactions.reading(() => scanTenants(scans, query));
  }

  /** Finds one row per slot, in one snapshot. A single statement needs no transaction for that. */
  #findAll<T>(slots: readonly Slot[], find: (slot: Slot) => T): readonly T[] {
    if (slots.length === 1) return translated(() => slots.map(find));
    return this.#transactions.reading(() => slots.map(find));
  }

  #list(query: ScanQuery, identity: Omit<Slot, "kind">, limit: CallLimit): ScanPage | Promise<ScanPage> {
    const { scans } = this.#statements();
    const page = (most: ScanQuery) => translated(() => atOnce(listSteps(scans, most, identity)));
    if (this.#longLists === undefined) return page(query);
    const begin = page(firstPageOf(query));
    if (!begin.more || begin.reaches(query)) return begin;
    const all = (connection: Connection) => listSteps(prepareLists(connection), query, identity);
    return this.#longLists.read(all, limit);
  }

  count(query: CountQuery, limit: CallLimit = {}): number | Promise<number> {
    const { count } = this.#statements();
    if (this.#longLists === undefined)
      return this.#transactions.reading(() => atOnce(countSteps(count, query)));
    const { done, value } = translated(() => countSteps(count, query).next());
    if (done) return value;
    return this.#longLists.read((connection) => countSteps(prepareCount(connection), query), limit);
  }

  scanSessions(query: SessionsQuery): SessionsPage {
    const { sessions } = this.#statements();
    return this.#transactions.reading(() => scanSessions(sessions, query));
  }

  schemaVersion(): number {
    return schemaVersion(this.#connection);
  }

  limitCache(kib: number): void {
    limitCache(this.#connection, kib);
  }

  async close(): Promise<void> {
    await this.#longLists?.close();
    this.#connection.close();
  }
}

function prepareReads(connection: Connection) {
  return {
    bySlot: connection.prepare(BY_SLOT).raw(),
    byEvent: connection.prepare(BY_EVENT).raw(),
    eventId: connection.prepare(EVENT_ID).raw(),
    scans: prepareScans(connection),
    count: prepareCount(connection),
    sessions: prepareSessionScan(connection),
  };
}
