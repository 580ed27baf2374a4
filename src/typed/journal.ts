import { invalid, isStateError } from "../contract/errors.js";
import type {
  CallOptions,
  EventId,
  Identity,
  ListOptions,
  RecordKey,
  StateRecord,
  StateStore,
} from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { readInteger, readNamed, readOptions } from "../validation/validate.js";
import { type Cell, cellAt, cellKey, corruptRecord, decodeRecord, ownIdentity, readStore } from "./cell.js";
import { findCell, type ShapeOptions } from "./cell-operations.js";
import { type Codec, codecOf } from "./codec.js";
import { type Bounds, EMPTY, HEAD, type Head, missingNumber } from "./journal-bounds.js";
import { appendedBefore, findEntries, isSame, type Made } from "./journal-duplicates.js";
import {
  type JournalCells,
  readTrim,
  sweepIn,
  type Trimmed,
  type TrimRange,
  trimIn,
} from "./journal-trim.js";
import { callersId, digestOf, itemKind, itemPrefix, ownEventId, readOwnId, readShapeName } from "./names.js";
import { mapInSlices } from "./slices.js";
import { type TransactOptions, transact } from "./transact.js";
import type { Transaction } from "./transaction.js";

/** What is to be appended. */
export interface NewEntry<Input> {
  /** The caller's idempotency key, 1 to 105 UTF-8 bytes: appended once, however often it is sent. */
  readonly id?: EventId;
  /** What its codec takes. */
  readonly value: Input;
}

/** What was appended. */
export interface Entry<T> {
  /** 1 and up, without a gap. */
  readonly number: number;
  /** The id that the caller gave, or one that was made. */
  readonly id: EventId;
  /** As its codec reads it. */
  readonly value: T;
  /** When it was appended, by the store's clock. */
  readonly at: Date;
}

/** What became of an append. */
export interface AppendReceipt {
  /** They had been appended before: nothing was written now. */
  readonly duplicate: boolean;
  /** The numbers of the entries, in order. */
  readonly numbers: readonly number[];
}

/** What happens together with an append, and how long it is tried. */
export interface AppendOptions extends CallOptions, Pick<TransactOptions, "attempts" | "turn"> {
  /** What else is to happen together with it, in the same commit. */
  readonly also?: (transaction: Transaction) => Promise<void>;
}

/** What a trim takes beside its range. */
export type TrimOptions = CallOptions & Pick<TransactOptions, "turn">;

/** Which entries `read` returns. */
export interface ReadOptions extends Pick<ListOptions, "limit" | "reverse" | "signal"> {
  /** The first number to read, or with `reverse` the last: the one that is read first. */
  readonly from?: number;
}

const APPEND = ["signal", "attempts", "turn", "also"];
const MOST_ENTRIES = 200;
const DIGITS = 16;

/**
 * An append-only list per identity, with numbers that have no gap.
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

  /** `name` is 1 to 128 UTF-8 bytes without a slash. */
  constructor(store: StateStore, name: string, options: ShapeOptions<T, Input> = {}) {
    this.#store = readStore(store);
    this.#name = readShapeName(name);
    this.#codec = codecOf(options);
  }

  /**
   * Appends 1 to 200 entries, all or none, with numbers that follow one another. Entries with an `id` are appended
   * once: sent again they are a duplicate. With another value, some of them together with others, or after they were
   * trimmed or erased, it is IDEMPOTENCY_CONFLICT; of what is gone the id is known for the store's idempotency window.
   */
  async append(
    identity: Identity,
    entries: readonly NewEntry<Input>[],
    options: AppendOptions = {},
  ): Promise<AppendReceipt> {
    const { also, ...rest } = readNamed(options, "options", APPEND) as AppendOptions;
    if ("also" in options && typeof also !== "function") throw invalid("also", "a function");
    const owner = ownIdentity(identity);
    const given = readEntries(entries);
    // Encoded before anything is waited for: what the caller does to the values later changes nothing.
    const made = await Promise.all(given.map((entry) => this.#make(owner, entry)));
    const head = this.#head(owner);
    try {
      const numbers = await transact(
        this.#store,
        async (transaction) => {
          const bounds = (await transaction.get(head)) ?? EMPTY;
          const { next } = bounds;
          await also?.(transaction);
          const append = ({ eventId, bytes }: Made, index: number) =>
            transaction.create(this.#cell(owner, next + index), bytes, eventId);
          await Promise.all(made.map(append));
          await transaction.set(head, { ...bounds, next: next + made.length });
          return made.map((_, index) => next + index);
        },
        { turn: head, ...rest, repeatable: given.every(({ id }) => id !== undefined) },
      );
      return { duplicate: false, numbers };
    } catch (error) {
      if (isStateError(error, "CONDITION_FAILED") && this.#isEntry(owner, error.details))
        throw corruptRecord(head, "the journal's numbers are wrong");
      if (!isStateError(error, "IDEMPOTENCY_CONFLICT")) throw error;
      const records = appendedBefore(await this.#find(owner, made), made, error);
      return { duplicate: true, numbers: records.map((record) => this.#numberOf(record)) };
    }
  }

  /** The receipt of entries that are there with these values, all of them, or else `undefined`. */
  async appended(
    identity: Identity,
    entries: readonly NewEntry<Input>[],
  ): Promise<AppendReceipt | undefined> {
    const owner = ownIdentity(identity);
    const made = await Promise.all(readEntries(entries).map((entry) => this.#make(owner, entry)));
    const records = await this.#find(owner, made);
    if (!records.every((record, index) => isSame(record, made[index] as Made))) return undefined;
    return { duplicate: true, numbers: records.map((record) => this.#numberOf(record as StateRecord)) };
  }

  /** The entries from a number on, in one snapshot. CORRUPT where one is missing or does not decode. */
  async read(identity: Identity, options?: ReadOptions): Promise<Entry<T>[]> {
    const asked = { ...(readOptions(options, ["signal", "from", "limit", "reverse"]) as ReadOptions) };
    if ("from" in asked) readInteger(asked.from, "from", 1, Number.MAX_SAFE_INTEGER - 1);
    const owner = ownIdentity(identity);
    const head = this.#head(owner);
    for (;;) {
      const before = await findCell(this.#store, head, asked.signal && { signal: asked.signal });
      const entries = await this.#list(owner, asked, before?.value ?? EMPTY);
      const numbers = entries.map(({ number }) => number);
      const missing = missingNumber(numbers, asked, before?.value ?? EMPTY);
      if (missing === undefined) return entries;
      // It may have been trimmed or erased in between.
      const after = await findCell(this.#store, head, asked.signal && { signal: asked.signal });
      if (after?.eventId === before?.eventId)
        throw corruptRecord(this.#cell(owner, missing), "an entry of the journal is missing");
    }
  }

  /** Which numbers there are. CORRUPT. */
  async bounds(identity: Identity, options?: CallOptions): Promise<Bounds> {
    const head = await findCell(this.#store, this.#head(ownIdentity(identity)), options);
    const { first, next } = head?.value ?? EMPTY;
    return { first, next };
  }

  /**
   * Removes the entries up to a number, or all but the last `keep`; how many records it removed. For readers they are
   * gone at once, all or none; the records go in pieces. Interrupted, it may be called again, and goes on. `upTo` beyond
   * the last entry is INVALID_RECORD.
   *
   * The last `keep` are counted when it begins: what was appended since the caller last read pushes out what it read,
   * so whoever has put the entries into other words says `upTo`.
   */
  async trim(identity: Identity, range: TrimRange | number, options: TrimOptions = {}): Promise<number> {
    readNamed(options, "options", ["signal", "turn"]);
    const owner = ownIdentity(identity);
    const asked = readTrim(range);
    const { removed, isDone } = await transact(
      this.#store,
      (transaction) => trimIn(transaction, this.#cells(owner), asked),
      { turn: this.#head(owner), ...options },
    );
    return isDone ? removed : removed + (await this.sweep(owner, options));
  }

  /** The same as part of a transaction, which `sweep` is to follow where it is not done. @internal */
  async trimIn(transaction: Transaction, identity: Identity, range: TrimRange): Promise<Trimmed> {
    return trimIn(transaction, this.#cells(ownIdentity(identity)), readTrim(range));
  }

  /** Removes the records that trims have left; how many. @internal */
  async sweep(identity: Identity, options: TrimOptions = {}): Promise<number> {
    const cells = this.#cells(ownIdentity(identity));
    for (let removed = 0; ; ) {
      const piece = await transact(this.#store, (transaction) => sweepIn(transaction, cells), {
        turn: cells.head,
        ...options,
      });
      removed += piece.removed;
      if (piece.isDone) return removed;
    }
  }

  async #list(owner: Identity, { from, ...range }: ReadOptions, { first }: Bounds): Promise<Entry<T>[]> {
    // What lies before the first one was trimmed, and its record is left.
    const lowest = range.reverse ? first : Math.max(from ?? first, first);
    const highest = range.reverse && from !== undefined ? { before: this.#kind(from + 1) } : {};
    const bound = { after: this.#kind(lowest - 1), ...highest };
    const records = await this.#store.list(owner, itemPrefix(this.#name), { ...range, ...bound });
    return mapInSlices(records, (record) => this.#entryOf(record));
  }

  /** The records of these entries, of those that are there. */
  async #find(owner: Identity, made: readonly Made[]): Promise<(StateRecord | undefined)[]> {
    const records = await findEntries(this.#store, owner, made);
    const { first } = await this.bounds(owner);
    return records.map((record) => (record && this.#numberOf(record) < first ? undefined : record));
  }

  async #make(owner: Identity, { id = newEventId(), value }: NewEntry<Input>): Promise<Made> {
    return { eventId: ownEventId(this.#purpose(owner), id), bytes: await this.#codec.encode(value) };
  }

  #purpose({ user, session, run = "" }: Identity): string {
    return digestOf(this.#name, user, session, run);
  }

  #head(owner: Identity): Cell<Head> {
    return cellAt(owner, this.#name, HEAD);
  }

  #cells(owner: Identity): JournalCells {
    return { head: this.#head(owner), entry: (number) => this.#cell(owner, number) };
  }

  #cell(owner: Identity, number: number): Cell<Uint8Array> {
    return cellAt(owner, this.#kind(number), { ...ENCODED, version: this.#codec.version });
  }

  #kind(number: number): string {
    return itemKind(this.#name, String(number).padStart(DIGITS, "0"));
  }

  #isEntry(owner: Identity, { identity, kind }: RecordKey): boolean {
    const isOwn = cellKey({ identity, kind }) === cellKey({ identity: owner, kind });
    return isOwn && kind.startsWith(itemPrefix(this.#name));
  }

  #numberOf(record: StateRecord): number {
    const number = Number(record.kind.slice(itemPrefix(this.#name).length));
    if (record.kind === this.#kind(number)) return number;
    throw corruptRecord(record, "a record lies among the entries of a journal and is none");
  }

  async #entryOf(record: StateRecord): Promise<Entry<T>> {
    return {
      number: this.#numberOf(record),
      id: callersId(this.#purpose(record.identity), record.eventId),
      value: await decodeRecord(this.#codec, record),
      at: record.updatedAt,
    };
  }
}

/** Of what is encoded already. */
const ENCODED = { encode: (bytes: Uint8Array) => bytes, decode: (bytes: Uint8Array) => bytes };

function readEntries<Input>(entries: readonly NewEntry<Input>[]): NewEntry<Input>[] {
  if (!Array.isArray(entries) || entries.length < 1 || entries.length > MOST_ENTRIES) {
    throw invalid("entries", `an array of 1 to ${MOST_ENTRIES} entries`);
  }
  const read = Array.from(entries, (entry) => {
    const { value, ...given } = readNamed(entry, "entries", ["id", "value"]) as NewEntry<Input>;
    return "id" in given ? { id: readOwnId(given.id, "id"), value } : { value };
  });
  const ids = read.flatMap(({ id }) => (id === undefined ? [] : [id]));
  if (new Set(ids).size < ids.length) throw invalid("id", "different for each entry");
  return read;
}
