import { whileOutdated } from "../content/outdated.js";
import { invalid, isStateError } from "../contract/errors.js";
import type { CallOptions, SessionIdentity, StateStore } from "../contract/store.js";
import { type Codec, readCodec } from "../typed/codec.js";
import { type CombinableOperation, performCombined } from "../typed/combined/perform-combined.js";
import type { InputReader } from "../typed/input-reader.js";
import { Journal, type NewEntry, type ReadOptions } from "../typed/journal.js";
import type { AppendReceipt } from "../typed/journal-append.js";
import { isRemoved } from "../typed/journal-entry.js";
import type { FoundEntry } from "../typed/journal-read.js";
import type { TrimRange } from "../typed/journal-trim.js";
import { mapInSlices } from "../typed/slices.js";
import type { Transaction } from "../typed/transaction.js";
import { readInteger, readNamed, readOneOf, readOptions, readSignal } from "../validation/validate.js";
import { editLogCell } from "./edit-log.js";
import { canRetryLater } from "./errors.js";
import { bytesOf, countFitting, isElsewhere } from "./event-sizes.js";
import type { LargeEvents } from "./large-events.js";
import { type ExpectOptions, endOfHistory, readExpectedNumber, requireLast } from "./last-event.js";
import { type DamagedEvent, eventOf, type SessionEvent } from "./session-event.js";
import { EVENTS, headCell, SESSION_HEAD } from "./session-head.js";
import type { SessionRecords } from "./session-records.js";
import { upToOf } from "./trim-range.js";

/** What an append builds upon. */
export interface AppendEventsOptions extends CallOptions, ExpectOptions {}

/** Which events `read` returns. */
export interface ReadEventsOptions extends ReadOptions {
  /** An event that cannot be read comes as a `DamagedEvent`. Absent: the read rejects with its error. */
  readonly damaged?: "mark";
  /**
   * The read ends before its events have more bytes together, wherever they lie; it returns one at least. So it may return fewer
   * than `limit` though there are more: read on behind the last one until there are none. 1 byte to 256 MiB. Absent: a read of
   * large events of more than 256 MiB is INVALID_RECORD of `limit`.
   */
  readonly maxBytes?: number;
}

/** What a read returns that marks what is damaged. */
export type ReadEvent<E> = SessionEvent<E> | DamagedEvent;

/** A page of events. */
export interface EventPage<E> {
  readonly events: ReadEvent<E>[];
  /** It ended because of `maxBytes`: there are more. */
  readonly isCut: boolean;
}

const READ_OPTIONS = ["signal", "from", "limit", "reverse", "damaged", "maxBytes"];
/** A read holds its events in memory. One event has no more. */
const MOST_BYTES = 256 * 1024 * 1024;

/** The events of sessions. */
export class History<E, Input> {
  readonly journal: Journal<E, Input>;
  readonly #store: StateStore;
  readonly #records: SessionRecords;

  constructor(
    store: StateStore,
    records: SessionRecords,
    large: LargeEvents,
    options: { readonly events?: Codec<E, Input>; readonly inputs: InputReader },
  ) {
    this.#store = store;
    this.#records = records;
    const codec = options.inputs.codec(
      readCodec<E, Input>("events" in options ? { codec: options.events as Codec<E, Input> } : {}),
    );
    this.journal = Journal.withHead<E, Input>(store, EVENTS, SESSION_HEAD, { codec }, large);
  }

  async append(
    owner: SessionIdentity,
    entries: readonly NewEntry<Input>[],
    options: AppendEventsOptions | undefined,
  ): Promise<AppendReceipt> {
    const { signal: _, ...how } = { ...readOptions(options, ["signal", "expect"]) } as AppendEventsOptions;
    const signal = readSignal({ ...options });
    const appending = await this.operation(owner, entries, how, signal);
    try {
      return await performCombined(this.#store, appending, signal);
    } catch (error) {
      await appending.clear?.();
      if (!isStateError(error, "SESSION_CLOSED") && !isStateError(error, "CONDITION_FAILED")) throw error;
      // The entries may have been appended while the session was open; then this call is a retry and a duplicate.
      const receipt = await this.journal.appended(owner, entries);
      if (receipt === undefined) throw error;
      return receipt;
    }
  }

  /** An append as part of a unit, or of a commit that appends of this process share. */
  async operation(
    owner: SessionIdentity,
    entries: readonly NewEntry<Input>[],
    options: ExpectOptions = {},
    signal?: AbortSignal,
  ): Promise<CombinableOperation<AppendReceipt>> {
    const expect = readExpectedNumber(readNamed(options, "options", ["expect"]));
    // The entries in the lists move at most once in a commit or two, so they do not count.
    const advance = async (transaction: Transaction, hasLarge: boolean) => {
      const head = await this.#records.advance(transaction, owner);
      if (expect !== undefined)
        requireLast(owner, await endOfHistory(transaction, this.journal.places, owner), expect);
      return hasLarge ? { ...head, hasLarge } : head;
    };
    return this.journal.operation(owner, entries, { advance, signal });
  }

  async read(owner: SessionIdentity, options: ReadEventsOptions | undefined): Promise<ReadEvent<E>[]> {
    return (await this.readPage(owner, options)).events;
  }

  async readPage(owner: SessionIdentity, options: ReadEventsOptions | undefined): Promise<EventPage<E>> {
    const { damaged, maxBytes, ...range } = readOptions(options, READ_OPTIONS) as ReadEventsOptions;
    const isGiven = (name: string) => options !== undefined && name in options;
    const marksDamage = isGiven("damaged") && readOneOf(damaged, "damaged", ["mark"]) === "mark";
    const most = isGiven("maxBytes") ? readInteger(maxBytes, "maxBytes", 1, MOST_BYTES) : undefined;
    // A large event may be edited after it was found.
    return whileOutdated(async () => {
      const found = await this.#find(owner, range, marksDamage);
      const fitting = found.slice(0, most === undefined ? found.length : countFitting(found, most));
      if (most === undefined) requireRoom(found);
      const events = await this.#eventsOf(owner, fitting, { marksDamage, signal: range.signal });
      return { events, isCut: fitting.length < found.length };
    });
  }

  async #find(owner: SessionIdentity, range: ReadOptions, marksDamage: boolean): Promise<FoundEntry[]> {
    let found = await this.journal.readStored(owner, range, marksDamage);
    await this.#records.requireExisting(owner, { signal: range.signal });
    // The session may have come here from another user between the two reads.
    if (found.length === 0) {
      found = await this.journal.readStored(owner, range, marksDamage);
      await this.#records.requireExisting(owner, { signal: range.signal });
    }
    return found;
  }

  /** Large events are read one after the other. */
  async #eventsOf(
    owner: SessionIdentity,
    found: readonly FoundEntry[],
    how: { readonly marksDamage: boolean } & CallOptions,
  ): Promise<ReadEvent<E>[]> {
    const read = (entry: FoundEntry) => eventOf(this.journal, owner, entry, how);
    if (!found.some(isElsewhere)) return mapInSlices(found, read);
    const events: ReadEvent<E>[] = [];
    for (const entry of found) events.push(await read(entry));
    return events;
  }

  /** Trims first and loads the session afterwards: if the session is gone, its events were to be erased anyway. */
  async trim(
    owner: SessionIdentity,
    range: TrimRange | number,
    options: CallOptions | undefined,
  ): Promise<number> {
    const signal = readSignal(readOptions(options, ["signal"]));
    const trimming = await upToOf(this.#store, this.journal, owner, { range, signal });
    const trimmed = await this.journal.trim(owner, trimming, { signal, turn: headCell(owner) });
    await this.#records.requireExisting(owner, { signal });
    return trimmed;
  }

  /** Trims as part of a transaction. Returns whether all records are removed; if not, call `sweep` after the commit. */
  async trimIn(transaction: Transaction, owner: SessionIdentity, range: TrimRange): Promise<boolean> {
    return (await this.journal.trimIn(transaction, owner, range)).isDone;
  }

  /** Removes the records of trimmed events. If the store is unavailable, the next trim removes them. */
  async sweep(owner: SessionIdentity, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.journal.sweep(owner, { signal, turn: headCell(owner) });
    } catch (error) {
      if (!canRetryLater(error) && !signal?.aborted) throw error;
    }
  }

  /** Refuses a number of which there was no event, or whose event was taken back. INVALID_RECORD. */
  async requireAppended(transaction: Transaction, owner: SessionIdentity, upTo: number): Promise<void> {
    const { first, next } = await this.journal.peekBounds(transaction, owner);
    // Once an event is taken back, what is written about it has been read before.
    await transaction.get(editLogCell(owner));
    const isAppended = upTo < next && (upTo < first || (await this.#isThere(transaction, owner, upTo)));
    if (!isAppended) throw invalid("upTo", "the number of an event that was appended, and not taken back");
  }

  async #isThere(transaction: Transaction, owner: SessionIdentity, number: number): Promise<boolean> {
    const { places } = this.journal;
    const record = await transaction.getRecord(places.entry(owner, number));
    if (record !== undefined) return !isRemoved(record);
    const [above] = await this.#store.list(owner, places.prefix, { after: places.kind(number), limit: 1 });
    return above === undefined || !isRemoved(above);
  }
}

/** INVALID_RECORD. */
function requireRoom(found: readonly FoundEntry[]): void {
  const bytes = found.filter(isElsewhere).reduce((sum, entry) => sum + bytesOf(entry), 0);
  if (bytes > MOST_BYTES)
    throw invalid(
      "limit",
      `so small that the large events have at most ${MOST_BYTES} bytes, or read with maxBytes`,
    );
}
