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

/** Its types are what is stored: in a table that lost its constraints any. The store judges them. */
export function recordOf(row: Row): StoredRecord {
  const { event_id, fingerprint, version, updated_at, bytes } = row;
  return {
    ...slotOfRow(row),
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

/** The page of a scan, made of its rows, however many of them come at a time. */
export class RowPage {
  readonly #records: StoredRecord[] = [];
  #next: Slot | undefined;
  #bytes = 0;

  /** How many records there are, and how large their payloads are together. */
  get size(): { readonly records: number; readonly bytes: number } {
    return { records: this.#records.length, bytes: this.#bytes };
  }

  /** Whether they are the next ones, for what was lost of an answer shall not go unnoticed. */
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

  /** Whether it has all that a page of such a size may hold. */
  isFull({ limit, maxBytes }: Pick<ScanQuery, "limit" | "maxBytes">): boolean {
    return this.#records.length >= limit || this.#bytes >= maxBytes;
  }

  toPage(query: ScanQuery): ScanPage {
    const records = this.#records;
    if (this.#next !== undefined) return { records, more: true, next: this.#next };
    return { records, more: this.isFull(query) };
  }
}
