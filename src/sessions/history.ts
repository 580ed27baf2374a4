import { invalid, isStateError } from "../contract/errors.js";
import type { CallOptions, SessionIdentity, StateStore } from "../contract/store.js";
import type { Codec } from "../typed/codec.js";
import { type CombinableOperation, performCombined } from "../typed/combined/perform-combined.js";
import { Journal, type NewEntry, type ReadOptions } from "../typed/journal.js";
import type { AppendReceipt } from "../typed/journal-append.js";
import { isRemoved } from "../typed/journal-entry.js";
import type { TrimRange } from "../typed/journal-trim.js";
import { mapInSlices } from "../typed/slices.js";
import type { Transaction } from "../typed/transaction.js";
import { readNamed, readOneOf, readOptions, readSignal } from "../validation/validate.js";
import { editLogCell } from "./edit-log.js";
import { canRetryLater } from "./errors.js";
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
}

/** What a read returns that marks what is damaged. */
export type ReadEvent<E> = SessionEvent<E> | DamagedEvent;

const READ_OPTIONS = ["signal", "from", "limit", "reverse", "damaged"];

/** The events of sessions. */
export class History<E, Input> {
  readonly journal: Journal<E, Input>;
  readonly #store: StateStore;
  readonly #records: SessionRecords;

  constructor(store: StateStore, records: SessionRecords, options: { readonly events?: Codec<E, Input> }) {
    this.#store = store;
    this.#records = records;
    const codec = "events" in options ? { codec: options.events } : {};
    this.journal = Journal.withHead<E, Input>(store, EVENTS, SESSION_HEAD, codec);
  }

  async append(
    owner: SessionIdentity,
    entries: readonly NewEntry<Input>[],
    options: AppendEventsOptions | undefined,
  ): Promise<AppendReceipt> {
    const { signal: _, ...how } = { ...readOptions(options, ["signal", "expect"]) } as AppendEventsOptions;
    const signal = readSignal({ ...options });
    const appending = await this.operation(owner, entries, how);
    try {
      return await performCombined(this.#store, appending, signal);
    } catch (error) {
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
  ): Promise<CombinableOperation<AppendReceipt>> {
    const expect = readExpectedNumber(readNamed(options, "options", ["expect"]));
    // The entries in the lists move at most once in a commit or two, so they do not count.
    return this.journal.operation(owner, entries, async (transaction) => {
      const head = await this.#records.advance(transaction, owner);
      if (expect !== undefined)
        requireLast(owner, await endOfHistory(transaction, this.journal.places, owner), expect);
      return head;
    });
  }

  async read(owner: SessionIdentity, options: ReadEventsOptions | undefined): Promise<ReadEvent<E>[]> {
    const { damaged, ...range } = readOptions(options, READ_OPTIONS) as ReadEventsOptions;
    const marksDamage =
      options !== undefined && "damaged" in options && readOneOf(damaged, "damaged", ["mark"]) === "mark";
    let found = await this.journal.readStored(owner, range, marksDamage);
    await this.#records.requireExisting(owner, { signal: range.signal });
    // The session may have come here from another user between the two reads.
    if (found.length === 0) {
      found = await this.journal.readStored(owner, range, marksDamage);
      await this.#records.requireExisting(owner, { signal: range.signal });
    }
    return mapInSlices(found, (entry) => eventOf(this.journal, owner, entry, marksDamage));
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
