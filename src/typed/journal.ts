import { invalid, isStateError } from "../contract/errors.js";
import type { CallOptions, EventId, Identity, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { readInteger, readNamed, readOptions } from "../validation/validate.js";
import { copyIdentity, decodeRecord, readStore } from "./cell.js";
import { findCell, type ShapeOptions } from "./cell-operations.js";
import type { Codec } from "./codec.js";
import type { CombinableOperation } from "./combined/perform-combined.js";
import {
  type AppendReceipt,
  appendOperation,
  type NewAppend,
  recallAppend,
  type WrittenCells,
} from "./journal-append.js";
import { type Bounds, EMPTY_HEAD, HEAD_CODEC, type Head } from "./journal-bounds.js";
import type { EncodedEntry } from "./journal-duplicates.js";
import type { ValuesElsewhere } from "./journal-elsewhere.js";
import {
  MAX_CODEC_VERSION,
  NO_CONTENT,
  type ValueEntry,
  type Written,
  writeEdited,
} from "./journal-entry.js";
import { largeAppend } from "./journal-large-append.js";
import { JournalPlaces } from "./journal-places.js";
import { type FoundEntry, type ReadOptions, readStored } from "./journal-read.js";
import {
  type JournalCells,
  readTrim,
  sweepIn,
  type Trimmed,
  type TrimRange,
  trimIn,
} from "./journal-trim.js";
import { itemPrefix, readScopedId, readShapeName } from "./names.js";
import { readShapeCodec } from "./shape-codec.js";
import { mapInSlices } from "./slices.js";
import { type TransactOptions, transact } from "./transact.js";
import { type FoundRecord, Transaction } from "./transaction.js";

/** An entry to append. */
export interface NewEntry<Input> {
  /** The caller's idempotency key, 1 to 105 UTF-8 bytes. An entry that is sent again is not appended again. */
  readonly id?: EventId;
  /** The value, as the journal's codec takes it. */
  readonly value: Input;
}

/** An entry that was appended. */
export interface Entry<T> {
  /** The position in the journal: 1 and up, without a gap. */
  readonly number: number;
  /** The id that the caller gave, or one that was made. */
  readonly id: EventId;
  /** The value, as the journal's codec reads it. */
  readonly value: T;
  /** When it was appended, by the store's clock. */
  readonly at: Date;
}

/** Further writes in the commit of an append, and how often it is tried. */
export interface AppendOptions extends CallOptions, Pick<TransactOptions, "attempts" | "turn"> {
  /** Reads and writes that take effect in the same commit. */
  readonly also?: (transaction: Transaction) => Promise<void>;
}

/** The options of a trim. */
export type TrimOptions = CallOptions & Pick<TransactOptions, "turn">;

export type { ReadOptions } from "./journal-read.js";

const APPEND_OPTIONS = ["signal", "attempts", "turn", "also"];
const MAX_ENTRIES = 200;

/**
 * An append-only list of entries per identity. Entries are numbered without a gap.
 *
 * @example
 * ```ts
 * import { Journal } from "groundstate/typed";
 *
 * const log = new Journal<string>(store, "log");
 * const { numbers } = await log.append(identity, [{ id: "m-1", value: "hello" }]);
 * console.log(numbers); // [1], also when it is sent again
 * ```
 */
export class Journal<T, Input = T> {
  readonly #store: StateStore;
  readonly #name: string;
  readonly #codec: Codec<T, Input>;
  #places: JournalPlaces;
  #elsewhere: ValuesElsewhere | undefined;

  /** `name` is 1 to 128 UTF-8 bytes without a slash. */
  constructor(store: StateStore, name: string, options: ShapeOptions<T, Input> = {}) {
    this.#store = readStore(store);
    this.#name = readShapeName(name);
    this.#codec = readShapeCodec(options, this.#name);
    readInteger(this.#codec.version, "codec.version", 0, MAX_CODEC_VERSION);
    this.#places = new JournalPlaces(this.#name, this.#codec, HEAD_CODEC);
  }

  /**
   * A journal whose head holds more than the bounds; `advance` of an append changes that. Values that a record has no room for
   * lie elsewhere. @internal
   */
  static withHead<T, Input>(
    store: StateStore,
    name: string,
    headCodec: Codec<Head>,
    options: ShapeOptions<T, Input>,
    elsewhere?: ValuesElsewhere,
  ): Journal<T, Input> {
    const journal = new Journal<T, Input>(store, name, options);
    journal.#places = new JournalPlaces(journal.#name, journal.#codec, headCodec);
    journal.#elsewhere = elsewhere;
    return journal;
  }

  /** @internal */
  get places(): JournalPlaces {
    return this.#places;
  }

  /**
   * Appends 1 to 200 entries, all or none, with consecutive numbers. Entries with an `id` are appended once: the same
   * call again is a duplicate. IDEMPOTENCY_CONFLICT when an id comes with another value, when only some of the entries
   * were appended before, and when they were trimmed or erased since (the store knows the ids of removed entries for its
   * idempotency window).
   */
  async append(
    identity: Identity,
    entries: readonly NewEntry<Input>[],
    options: AppendOptions = {},
  ): Promise<AppendReceipt> {
    const { also, ...rest } = readNamed(options, "options", APPEND_OPTIONS) as AppendOptions;
    if ("also" in options && typeof also !== "function") throw invalid("also", "a function");
    const append = await this.#read(identity, entries, also);
    const { turn, repeatable, apply } = appendOperation(append);
    try {
      return await transact(this.#store, apply, { turn, ...rest, repeatable });
    } catch (error) {
      if (!isStateError(error, "IDEMPOTENCY_CONFLICT")) throw error;
      const receipt = await this.#recall(append);
      if (receipt === undefined) throw error;
      return receipt;
    }
  }

  /** An append as part of a unit, or of a shared commit. @internal */
  async operation(
    identity: Identity,
    entries: readonly NewEntry<Input>[],
    {
      advance,
      signal,
    }: {
      readonly advance?: (transaction: Transaction, hasLarge: boolean) => Promise<Head>;
    } & CallOptions = {},
  ): Promise<CombinableOperation<AppendReceipt>> {
    const read = await this.#read(identity, entries);
    const elsewhere = this.#elsewhere;
    const hasLarge = read.encoded.some(({ large }) => large !== undefined);
    const append = {
      ...read,
      ...(advance && { advance: (transaction: Transaction) => advance(transaction, hasLarge) }),
    };
    if (elsewhere === undefined || !hasLarge) return appendOperation(append);
    return largeAppend(append, {
      recall: () => this.#recall(append),
      keep: ({ bytes }) => elsewhere.keep(append.owner, bytes, { signal }),
    });
  }

  /** The receipt, if all these entries are stored with these values; otherwise `undefined`. */
  async appended(
    identity: Identity,
    entries: readonly NewEntry<Input>[],
  ): Promise<AppendReceipt | undefined> {
    try {
      return await this.#recall(await this.#read(identity, entries));
    } catch (error) {
      if (isStateError(error, "IDEMPOTENCY_CONFLICT")) return undefined;
      throw error;
    }
  }

  /** The entries from a number on, in one snapshot. CORRUPT where one is missing or does not decode. */
  async read(identity: Identity, options?: ReadOptions): Promise<Entry<T>[]> {
    const found = await this.readStored(identity, options);
    const values = found.filter((entry) => entry.is === "value");
    return mapInSlices(values, (entry) => this.decode(copyIdentity(identity), entry));
  }

  /** The same as they are stored; with `marksDamage`, damaged ones too. @internal */
  async readStored(identity: Identity, options?: ReadOptions, marksDamage = false): Promise<FoundEntry[]> {
    const requested = { ...(readOptions(options, ["signal", "from", "limit", "reverse"]) as ReadOptions) };
    if (requested.from !== undefined) readInteger(requested.from, "from", 1, Number.MAX_SAFE_INTEGER - 1);
    return readStored(this.#store, this.places, { ...requested, owner: copyIdentity(identity), marksDamage });
  }

  /** Decodes an entry as a read found it, with a value that lies elsewhere. CORRUPT. @internal */
  async decode(identity: Identity, entry: ValueEntry, options: CallOptions = {}): Promise<Entry<T>> {
    const whole = entry.elsewhere === undefined ? entry : await this.whole(identity, entry, options);
    const { number, id, at, bytes, version } = whole;
    const record = { identity, kind: this.places.kind(number), eventId: id, bytes, version, updatedAt: at };
    return { number, id, value: await decodeRecord(this.#codec, record), at };
  }

  /** The entry with its value, also if that lies elsewhere. CORRUPT. @internal */
  async whole(identity: Identity, entry: ValueEntry, options: CallOptions): Promise<ValueEntry> {
    const { elsewhere: digest, ...rest } = entry;
    if (digest === undefined || this.#elsewhere === undefined) return entry;
    return { ...rest, bytes: await this.#elsewhere.read(identity, entry.number, digest, options) };
  }

  /** The bytes of a value. INVALID_RECORD. @internal */
  async encode(value: Input): Promise<Written> {
    return { bytes: await this.#codec.encode(value), version: this.#codec.version };
  }

  /** The numbers of the entries that exist. CORRUPT. */
  async bounds(identity: Identity, options?: CallOptions): Promise<Bounds> {
    const head = await findCell(this.#store, this.places.head(copyIdentity(identity)), options);
    const { first, next } = head?.value ?? EMPTY_HEAD;
    return { first, next };
  }

  /**
   * Removes the entries up to a number, or all but the last `keep` (a number as `range`). Returns how many records it
   * removed. Readers see all of the entries or none; the records are removed in several commits. After an interruption,
   * call it again: it goes on. `upTo` beyond the last entry is INVALID_RECORD.
   *
   * The last `keep` entries are counted when the call begins, so entries appended since the caller's last read count
   * too, and unread ones may be removed later. To remove the entries that a summary covers, pass `upTo`.
   */
  async trim(identity: Identity, range: TrimRange | number, options: TrimOptions = {}): Promise<number> {
    readNamed(options, "options", ["signal", "turn"]);
    const owner = copyIdentity(identity);
    const requested = readTrim(range);
    const { removed, isDone } = await transact(
      this.#store,
      (transaction) => trimIn(transaction, this.#cells(owner), requested),
      { turn: this.places.head(owner), ...options },
    );
    return isDone ? removed : removed + (await this.sweep(owner, options));
  }

  /**
   * Deletes the journal in one step, however many entries it has, without reading them. Returns how many records it
   * removed. Entries that are appended later are numbered from 1; one that is sent again with the `id` of a deleted entry
   * is IDEMPOTENCY_CONFLICT.
   */
  async clear(identity: Identity, options?: CallOptions): Promise<number> {
    const { signal } = readOptions(options, ["signal"]) as CallOptions;
    const owner = copyIdentity(identity);
    const { erased = [] } = await this.#store.commit(
      [
        { op: "delete", identity: owner, kind: this.#name },
        { op: "erase", identity: owner, prefix: itemPrefix(this.#name), ownState: true },
      ],
      { signal },
    );
    return erased[0] ?? 0;
  }

  /** The bounds as a transaction sees them. They only grow, so no commit depends on them. @internal */
  async peekBounds(transaction: Transaction, identity: Identity): Promise<Bounds> {
    return (await transaction.peek(this.places.head(copyIdentity(identity)))) ?? EMPTY_HEAD;
  }

  /** Trims as part of a transaction. Where the result is not done, call `sweep` after the commit. @internal */
  async trimIn(transaction: Transaction, identity: Identity, range: TrimRange): Promise<Trimmed> {
    return trimIn(transaction, this.#cells(copyIdentity(identity)), readTrim(range));
  }

  /** Removes the records that earlier trims left. Returns how many. @internal */
  async sweep(identity: Identity, options: TrimOptions = {}): Promise<number> {
    const cells = this.#cells(copyIdentity(identity));
    for (let removed = 0; ; ) {
      const piece = await transact(this.#store, (transaction) => sweepIn(transaction, cells), {
        turn: cells.head,
        ...options,
      });
      removed += piece.removed;
      if (piece.isDone) return removed;
    }
  }

  async #read(
    identity: Identity,
    entries: readonly NewEntry<Input>[],
    also?: AppendOptions["also"],
  ): Promise<NewAppend> {
    const owner = copyIdentity(identity);
    const given = readEntries(entries);
    const repeatable = given.every(({ id }) => id !== undefined);
    const cells = { ...this.#cells(owner), numberOf: (record: FoundRecord) => this.places.numberOf(record) };
    // The values are encoded before the first await, so later changes to the caller's objects have no effect.
    const encoded = await Promise.all(given.map((entry) => this.#encode(owner, entry)));
    return { owner, cells, encoded, repeatable, also };
  }

  #recall(append: NewAppend): Promise<AppendReceipt | undefined> {
    return recallAppend(new Transaction(this.#store, undefined), append);
  }

  async #encode(owner: Identity, { id, value }: NewEntry<Input>): Promise<EncodedEntry> {
    const entryId = id ?? newEventId();
    const eventId = this.places.eventId(owner, entryId);
    const bytes = await this.#codec.encode(value);
    const encoded = { eventId, bytes, isOwnId: id !== undefined };
    const digesting = this.#elsewhere?.digest(bytes);
    if (digesting === undefined) return encoded;
    const digest = await digesting;
    const { version } = this.#codec;
    const written = await writeEdited({ id: entryId, elsewhere: digest }, { ...NO_CONTENT, version });
    return { ...encoded, bytes: written.bytes, large: { bytes, digest, version: written.version } };
  }

  #cells(owner: Identity): Omit<WrittenCells, "numberOf"> & JournalCells {
    const elsewhere = this.#elsewhere;
    return {
      head: this.places.head(owner),
      entry: (number: number, version?: number) => this.places.entry(owner, number, version),
      ...(elsewhere && {
        removeElsewhere: (transaction: Transaction, from: number, until: number) =>
          elsewhere.remove(transaction, owner, from, until),
      }),
    };
  }
}

function readEntries<Input>(entries: readonly NewEntry<Input>[]): NewEntry<Input>[] {
  if (!Array.isArray(entries) || entries.length < 1 || entries.length > MAX_ENTRIES) {
    throw invalid("entries", `an array of 1 to ${MAX_ENTRIES} entries`);
  }
  const read = Array.from(entries, (entry) => {
    const { value, ...given } = readNamed(entry, "entries", ["id", "value"]) as NewEntry<Input>;
    return "id" in given ? { id: readScopedId(given.id, "id"), value } : { value };
  });
  const ids = read.flatMap(({ id }) => (id === undefined ? [] : [id]));
  if (new Set(ids).size < ids.length) throw invalid("id", "different for each entry");
  return read;
}
