import type { ScanPage, ScanQuery, Slot, StoredRecord } from "../../src/contract/driver.js";
import { compareByKind, compareText, kindRange, prefixEnd } from "../../src/rules/order.js";
import { atOnce, type Steps } from "../../src/timing/in-slices.js";
import type { Connection, Statement } from "./connection.js";
import { corruptError } from "./errors.js";
import { Fences, NOT_ERASED, notErasedOf, prepareFences } from "./fences.js";
import { CONTENT_COLUMNS, HEADER_COLUMNS, recordWithSlotOf, SLOT_COLUMNS } from "./row.js";

const ofIdentity = (columns: string) => `
SELECT ${columns}, ${SLOT_COLUMNS} FROM record
WHERE tenant = ? AND user = ? AND session = ? AND run = ? AND kind >= ? AND kind < ? AND ${NOT_ERASED}
ORDER BY kind`;

const ofTenant = (columns: string) => `
SELECT ${columns}, ${SLOT_COLUMNS} FROM record
WHERE tenant = ? AND (kind, user, session, run) > (?, ?, ?, ?) AND kind < ?
ORDER BY kind, user, session, run`;

/** The same from the index alone, for skipping erased records. */
const SLOTS_OF_TENANT = `
SELECT id, user, session, run, kind FROM record
WHERE tenant = ? AND (kind, user, session, run) > (?, ?, ?, ?) AND kind < ?
ORDER BY kind, user, session, run`;
const contentOf = (columns: string) => `SELECT ${columns} FROM record WHERE id = ?`;

/** How many tenants and erased records one page passes over at most. */
const MAX_TENANTS = 100;
const MAX_ERASED = 1000;

/** The size of one step. */
const STEP = { records: 50, bytes: 256 * 1024 };

const NEXT_TENANT =
  "SELECT tenant, CAST(tenant AS BLOB) FROM record WHERE tenant > ? ORDER BY tenant LIMIT 1";

/** SQLite sorts every blob after every text. */
const AFTER_ALL_TEXT = Buffer.alloc(0);

export type ScanStatements = ReturnType<typeof prepareScans>;

export type ListStatements = ReturnType<typeof prepareLists>;

export function prepareLists(connection: Connection) {
  const lists = (columns: string) => ({
    ofIdentity: connection.prepare(ofIdentity(columns)).raw(),
    ofIdentityReverse: connection.prepare(`${ofIdentity(columns)} DESC`).raw(),
  });
  return { lists: { whole: lists(CONTENT_COLUMNS), headers: lists(HEADER_COLUMNS) } };
}

export function prepareScans(connection: Connection) {
  const scans = (columns: string) => ({
    ofTenant: connection.prepare(ofTenant(columns)).raw(),
    contentOf: connection.prepare(contentOf(columns)).raw(),
  });
  return {
    ...prepareLists(connection),
    scans: { whole: scans(CONTENT_COLUMNS), headers: scans(HEADER_COLUMNS) },
    slotsOfTenant: connection.prepare(SLOTS_OF_TENANT).raw(),
    ...prepareFences(connection),
    nextTenant: connection.prepare(NEXT_TENANT).raw(),
  };
}

/** Records of one identity, by kind, in steps. All steps use one statement, and so one snapshot. */
export function* listSteps(sql: ListStatements, query: ScanQuery, identity: Omit<Slot, "kind">): Steps<Page> {
  const { tenant, user, session, run } = identity;
  const { from, until } = kindRange(query);
  const page = new Page(query);
  const { ofIdentity, ofIdentityReverse } = query.bytes === false ? sql.lists.headers : sql.lists.whole;
  const statement = query.reverse ? ofIdentityReverse : ofIdentity;
  yield* page.takeSteps(
    statement.iterate(tenant, user, session, run, from, until ?? AFTER_ALL_TEXT, ...notErasedOf(identity)),
  );
  return page;
}

/** Records of one tenant, by kind, user, session and run. */
export function scanTenant(sql: ScanStatements, query: ScanQuery, tenant: string): ScanPage {
  const page = new Page(query);
  takeTenant(sql, query, tenant, page, new Fences(sql));
  return page;
}

/**
 * Records of every tenant, by tenant and then as above. A tenant costs two seeks, however many records it has, and a page
 * ends after MAX_TENANTS of them.
 */
export function scanTenants(sql: ScanStatements, query: ScanQuery): ScanPage {
  const page = new Page(query);
  const fences = new Fences(sql);
  let tenants = 0;
  let tenant: string | undefined = query.after?.tenant ?? "";
  while (tenant !== undefined && !page.more) {
    takeTenant(sql, query, tenant, page, fences);
    if (page.more) break;
    tenant = tenantAfter(sql, tenant, page);
    if (tenant !== undefined && ++tenants === MAX_TENANTS) page.endBefore(tenant);
    // The next page finds out whether that tenant has a match: many tenants may have none.
    if (tenant !== undefined && page.isFull) page.more = true;
  }
  return page;
}

function takeTenant(sql: ScanStatements, query: ScanQuery, tenant: string, page: Page, fences: Fences): void {
  const { prefix, after, before } = query;
  if (after !== undefined && compareText(after.tenant, tenant) > 0) return;
  const first = { kind: prefix, user: "", session: "", run: "" };
  const isAfter = after?.tenant === tenant && compareText(after.kind, prefix) >= 0;
  const { kind, user, session, run } = isAfter ? after : first;
  const end = prefixEnd(prefix) ?? AFTER_ALL_TEXT;
  const rows = (statement: Statement) => statement.iterate(tenant, kind, user, session, run, end);
  const { ofTenant, contentOf } = query.bytes === false ? sql.scans.headers : sql.scans.whole;
  if (fences.hasAny) page.take(notErased(contentOf, rows(sql.slotsOfTenant), tenant, page, fences), before);
  else page.take(rows(ofTenant), before);
}

/** The rows that are not erased, until the page has skipped too many. */
function* notErased(
  contentOf: Statement,
  rows: Iterable<unknown>,
  tenant: string,
  page: Page,
  fences: Fences,
): Generator<readonly unknown[]> {
  let skipped = 0;
  for (const row of rows) {
    const [id, user, session, run, kind] = row as [number, string, string, string, string];
    const slot = { tenant, user, session, run, kind };
    if (fences.isErased(slot, id)) {
      if (++skipped < MAX_ERASED) continue;
      page.endAfter(slot);
      return;
    }
    const content = contentOf.get(id) as readonly unknown[] | undefined;
    if (content === undefined)
      throw corruptError("an index of the database leads to a row that is not there");
    yield [...content, tenant, user, session, run, kind];
  }
}

/**
 * The next tenant. CORRUPT if its name is not valid text, because a query by its decoded name would miss it or find it
 * forever. Returns the page's earlier records first.
 */
function tenantAfter(sql: ScanStatements, tenant: string, page: Page): string | undefined {
  const row = sql.nextTenant.get(tenant) as [name: unknown, stored: Buffer] | undefined;
  if (row === undefined) return undefined;
  const [name, stored] = row;
  if (typeof name === "string" && stored.equals(Buffer.from(name))) return name;
  if (page.records.length === 0) throw corruptError("the name of a tenant is no text");
  page.more = true;
  return undefined;
}

export class Page implements ScanPage {
  readonly records: StoredRecord[] = [];
  more = false;
  next?: Slot;
  readonly #limit: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor({ limit, maxBytes }: ScanQuery) {
    this.#limit = limit;
    this.#maxBytes = maxBytes;
  }

  get isFull(): boolean {
    return this.reaches({ limit: this.#limit, maxBytes: this.#maxBytes });
  }

  /** Whether the page has reached one of these limits. */
  reaches({ limit, maxBytes }: Pick<ScanQuery, "limit" | "maxBytes">): boolean {
    return this.records.length >= limit || this.#bytes >= maxBytes;
  }

  /** Ends the page: the next one goes on after this slot. */
  endAfter(slot: Slot): void {
    this.more = true;
    this.next = slot;
  }

  /** Ends the page: the next one begins with this tenant. */
  endBefore(tenant: string): void {
    this.endAfter({ tenant, kind: "", user: "", session: "", run: "" });
  }

  /** Takes rows until the page is full, or until the slot `before`. */
  take(rows: Iterable<unknown>, before?: Slot): void {
    atOnce(this.takeSteps(rows, before));
  }

  *takeSteps(rows: Iterable<unknown>, before?: Slot): Steps<void> {
    let taken = 0;
    let bytes = 0;
    for (const row of rows) {
      if (this.isFull) {
        this.more = true;
        return;
      }
      const record = recordWithSlotOf(row as readonly unknown[]);
      if (before !== undefined && compareByKind(record, before) >= 0) return;
      this.records.push(record);
      this.#bytes += record.bytes?.byteLength ?? 0;
      if (++taken < STEP.records && this.#bytes - bytes < STEP.bytes) continue;
      taken = 0;
      bytes = this.#bytes;
      yield;
    }
  }
}
