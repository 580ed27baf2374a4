import type { EventId, Identity, RecordKey, StateRecord } from "../contract/store.js";
import { steadyNow } from "../timing/clock.js";
import { type Cell, cellAt, corruptRecord, type SeenRecord } from "./cell.js";
import type { Codec } from "./codec.js";
import { entryKind, type Head } from "./journal-bounds.js";
import { readStoredEntry, type StoredEntry } from "./journal-entry.js";
import { digestOf, itemPrefix, scopedEventId, unscopedId } from "./names.js";

/** Where the records of a journal are, and the event ids that its entries have. */
export class JournalPlaces {
  /** The prefix of the kinds of all entries. */
  readonly prefix: string;
  readonly #name: string;
  readonly #version: number;
  readonly #headCodec: Codec<Head>;

  constructor(name: string, { version }: Pick<Codec<unknown>, "version">, headCodec: Codec<Head>) {
    this.#name = name;
    this.#version = version;
    this.#headCodec = headCodec;
    this.prefix = itemPrefix(name);
  }

  head(owner: Identity): Cell<Head> {
    return cellAt(owner, this.#name, this.#headCodec);
  }

  /** The cell of an entry takes a value that is encoded already. */
  entry(owner: Identity, number: number, version = this.#version): Cell<Uint8Array> {
    return cellAt(owner, this.kind(number), { ...PASS_THROUGH, version });
  }

  kind(number: number): string {
    return entryKind(this.#name, number);
  }

  /** CORRUPT. */
  numberOf(record: RecordKey): number {
    const number = Number(record.kind.slice(this.prefix.length));
    if (record.kind === this.kind(number)) return number;
    throw corruptRecord(record, "a record among the entries of a journal has a kind that is no entry's");
  }

  /** What the record of an entry stands for. CORRUPT. */
  async read(record: StateRecord): Promise<StoredEntry> {
    return readStoredEntry(record, this.numberOf(record), this.idOf(record));
  }

  /** The same in a transaction. What that wrote itself has no time yet, and counts as of now. CORRUPT. */
  async readSeen(record: SeenRecord): Promise<StoredEntry> {
    return this.read({ ...record, updatedAt: record.updatedAt ?? new Date(steadyNow()) });
  }

  /** The id of an entry that was not written again. */
  idOf({ identity, eventId }: Pick<StateRecord, "identity" | "eventId">): EventId {
    return unscopedId(this.purpose(identity), eventId);
  }

  /** The store's event id for the id of an entry, or for that of an edit. */
  eventId(owner: Identity, id: string, what: "entry" | "edit" = "entry"): EventId {
    return scopedEventId(what === "entry" ? this.purpose(owner) : this.purpose(owner, "edit"), id);
  }

  /** What the event ids of a journal begin with. */
  purpose({ user, session, run = "" }: Identity, ...more: readonly string[]): string {
    return digestOf(this.#name, user, session, run, ...more);
  }
}

/** The codec of values that are encoded already. */
const PASS_THROUGH = { encode: (bytes: Uint8Array) => bytes, decode: (bytes: Uint8Array) => bytes };
