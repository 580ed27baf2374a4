import type { ScanPage, ScanQuery, Slot, StoredRecord } from "../../src/driver.js";
import { compareByKind, compareText, kindRange, prefixEnd } from "../../src/order.js";
import type { Connection } from "./connection.js";
import { damaged } from "./errors.js";
import { CONTENT, PLACE, placedRecordOf } from "./row.js";

const OF_IDENTITY = `
SELECT ${CONTENT}, ${PLACE} FROM record
WHERE tenant = ? AND user = ? AND session = ? AND run = ? AND kind >= ? AND kind < ?
ORDER BY kind`;

const OF_TENANT = `
SELECT ${CONTENT}, ${PLACE} FROM record
WHERE tenant = ? AND (kind, user, session, run) > (?, ?, ?, ?) AND kind < ?
ORDER BY kind, user, session, run`;

const NEXT_TENANT =
  "SELECT tenant, CAST(tenant AS BLOB) FROM record WHERE tenant > ? ORDER BY tenant LIMIT 1";

/** SQLite puts every blob after every text. */
const AFTER_ALL_TEXT = Buffer.alloc(0);

export type ScanStatements = ReturnType<typeof prepareScans>;

export function prepareScans(connection: Connection) {
  return {
    ofIdentity: connection.prepare(OF_IDENTITY).raw(),
    ofIdentityReverse: connection.prepare(`${OF_IDENTITY} DESC`).raw(),
    ofTenant: connection.prepare(OF_TENANT).raw(),
    nextTenant: connection.prepare(NEXT_TENANT).raw(),
  };
}

/** Records of one identity, by kind. */
export function scanIdentity(sql: ScanStatements, query: ScanQuery, identity: Omit<Slot, "kind">): ScanPage {
  const { tenant, user, session, run } = identity;
  const { from, until } = kindRange(query);
  const page = new Page(query);
  const statement = query.reverse ? sql.ofIdentityReverse : sql.ofIdentity;
  page.take(statement.iterate(tenant, user, session, run, from, until ?? AFTER_ALL_TEXT));
  return page;
}

/** Records of one tenant, by kind, user, session and run. */
export function scanTenant(sql: ScanStatements, query: ScanQuery, tenant: string): ScanPage {
  const page = new Page(query);
  takeTenant(sql, query, tenant, page);
  return page;
}

/** Records of every tenant, by tenant and then as above. Whatever else is stored, a tenant costs one seek. */
export function scanTenants(sql: ScanStatements, query: ScanQuery): ScanPage {
  const page = new Page(query);
  let tenant: string | undefined = query.after?.tenant ?? "";
  while (tenant !== undefined && !page.more) {
    takeTenant(sql, query, tenant, page);
    tenant = tenantAfter(sql, tenant, page);
    // Whether that tenant has a match is the next page's to find out: there may be many that have none.
    if (tenant !== undefined && page.isFull) page.more = true;
  }
  return page;
}

function takeTenant(sql: ScanStatements, query: ScanQuery, tenant: string, page: Page): void {
  const { prefix, after, before } = query;
  if (after !== undefined && compareText(after.tenant, tenant) > 0) return;
  const first = { kind: prefix, user: "", session: "", run: "" };
  const isAfter = after?.tenant === tenant && compareText(after.kind, prefix) >= 0;
  const { kind, user, session, run } = isAfter ? after : first;
  const end = prefixEnd(prefix) ?? AFTER_ALL_TEXT;
  page.take(sql.ofTenant.iterate(tenant, kind, user, session, run, end), before);
}

/**
 * CORRUPT for a name that is no text, once all before it was handed out: what stands for it here is not found there, or
 * found again and again.
 */
function tenantAfter(sql: ScanStatements, tenant: string, page: Page): string | undefined {
  const row = sql.nextTenant.get(tenant) as [name: unknown, stored: Buffer] | undefined;
  if (row === undefined) return undefined;
  const [name, stored] = row;
  if (typeof name === "string" && stored.equals(Buffer.from(name))) return name;
  if (page.records.length === 0) throw damaged("the name of a tenant is no text");
  page.more = true;
  return undefined;
}

class Page implements ScanPage {
  readonly records: StoredRecord[] = [];
  more = false;
  readonly #limit: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor({ limit, maxBytes }: ScanQuery) {
    this.#limit = limit;
    this.#maxBytes = maxBytes;
  }

  get isFull(): boolean {
    return this.records.length >= this.#limit || this.#bytes >= this.#maxBytes;
  }

  /** Takes rows until the page is full, those before a place if one is given. */
  take(rows: Iterable<unknown>, before?: Slot): void {
    for (const row of rows) {
      if (this.isFull) {
        this.more = true;
        return;
      }
      const record = placedRecordOf(row as readonly unknown[]);
      if (before !== undefined && compareByKind(record, before) >= 0) return;
      this.records.push(record);
      this.#bytes += record.bytes?.byteLength ?? 0;
    }
  }
}
