import type { ScanPage, ScanQuery, Slot, StoredRecord } from "../../src/contract/driver.js";
import type { Row } from "./client.js";

export function slotOfRow({ tenant, user_id, session, run, kind }: Row): Slot {
  return {
    tenant: tenant as string,
    user: user_id as string,
    session: session as string,
    run: run as string,
    kind: kind as string,
  };
}

/** The values are not checked: in a table that lost its constraints they may have any type. The store checks them. */
export function recordOf(row: Row): StoredRecord {
  const { tenant, user_id, session, run, kind, event_id, fingerprint, version, updated_at, bytes } = row;
  // Spelled out, because spreading a slot into each record of a long list takes longer than all else here.
  return {
    tenant: tenant as string,
    user: user_id as string,
    session: session as string,
    run: run as string,
    kind: kind as string,
    eventId: event_id as string,
    fingerprint: fingerprint as string,
    version: integerOf(version),
    updatedAt: integerOf(updated_at),
    bytes: bytes as Buffer,
  };
}

/** The server sends integers of 64 bits as text. */
function integerOf(value: unknown): number {
  return value === null ? Number.NaN : Number(value);
}

/** Builds a page of a scan from rows that arrive all at once or in chunks. */
export class RowPage {
  readonly #records: StoredRecord[] = [];
  #next: Slot | undefined;
  #bytes = 0;

  /** The number of records, and the total size of their payloads. */
  get size(): { readonly records: number; readonly bytes: number } {
    return { records: this.#records.length, bytes: this.#bytes };
  }

  /** Adds rows. Returns false when they are not the next ones: a part of the answer was lost. */
  add(rows: readonly Row[]): boolean {
    for (const row of rows) {
      const position = Number(row.place);
      if (position === 0) {
        this.#next = slotOfRow(row);
        continue;
      }
      if (position !== this.#records.length + 1) return false;
      const record = recordOf(row);
      this.#records.push(record);
      this.#bytes += record.bytes?.byteLength ?? 0;
    }
    return true;
  }

  /** Whether the page has reached one of the query's limits. */
  isFull({ limit, maxBytes }: Pick<ScanQuery, "limit" | "maxBytes">): boolean {
    return this.#records.length >= limit || this.#bytes >= maxBytes;
  }

  toPage(query: ScanQuery): ScanPage {
    const records = this.#records;
    if (this.#next !== undefined) return { records, more: true, next: this.#next };
    return { records, more: this.isFull(query) };
  }
}
