import { invalid, isStateError } from "../contract/errors.js";
import type { CallOptions, SessionIdentity, StateStore } from "../contract/store.js";
import { corruptRecord } from "../typed/cell.js";
import type { Journal } from "../typed/journal.js";
import { isRemoved, type RedactedEntry, type ValueEntry, writeRemoved } from "../typed/journal-entry.js";
import type { Operation } from "../typed/operation.js";
import { throwUnlessStale } from "../typed/stale-reads.js";
import type { Transaction } from "../typed/transaction.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { editLogCell, NO_EDITS, withCut } from "./edit-log.js";
import { bytesOf, isElsewhere, PAGE_BYTES } from "./event-sizes.js";
import type { LargeEvents } from "./large-events.js";
import {
  type ExpectOptions,
  endOfHistory,
  type HistoryEnd,
  lastUpTo,
  readExpectedNumber,
  requireLast,
} from "./last-event.js";
import { eventOf, type SessionEvent } from "./session-event.js";
import { headCell } from "./session-head.js";
import type { SessionRecords } from "./session-records.js";
import { summaryCell } from "./summary-place.js";

/** Which events to take back. */
export interface TruncateRange {
  /** The number of the last event that stays; 0 for none. */
  readonly after: number;
}

/** How a call that takes events back is made. */
export interface TakeBackOptions extends CallOptions, ExpectOptions {}

/** What is left of the events. */
export interface Truncated {
  /** The number of the last event now; 0 if none is left. */
  readonly last: number;
}

/** What one commit took back. */
export interface PieceTaken extends Truncated {
  /** No event after the requested number is left. */
  readonly isDone: boolean;
}

/** How many numbers one commit takes back. Each is a delete of an event and one of a summary. */
const MAX_TAKEN = 1000;
/** How many of them may be large: each is two changes more. */
const MAX_LARGE_TAKEN = 400;
/** How many events `pop` returns. */
const MAX_POPPED = 200;

/**
 * Takes the last events of a session back. Their numbers are not given again: one record stands for them, and a reader that
 * knows event 7 never meets another event 7.
 */
export class TakingBack<E, Input> {
  readonly #store: StateStore;
  readonly #records: SessionRecords;
  readonly #journal: Journal<E, Input>;
  readonly #large: LargeEvents;

  constructor(store: StateStore, records: SessionRecords, journal: Journal<E, Input>, large: LargeEvents) {
    this.#store = store;
    this.#records = records;
    this.#journal = journal;
    this.#large = large;
  }

  /** Takes back up to 1,000 numbers, the last ones. */
  truncatePiece(
    owner: SessionIdentity,
    range: TruncateRange,
    options: Omit<TakeBackOptions, "signal"> = {},
  ): Operation<PieceTaken> {
    const { after: given } = { ...readNamed(range, "range", ["after"]) } as TruncateRange;
    const after = readInteger(given, "after", 0, Number.MAX_SAFE_INTEGER);
    const expect = readExpectedNumber(readNamed(options, "options", ["expect"]));
    return this.#operation(owner, expect, async (transaction, end) => {
      const last = await this.#takeBack(transaction, owner, end, after);
      return { last: last < end.first ? 0 : last, isDone: last <= Math.max(after, end.first - 1) };
    });
  }

  /** The same as part of a unit, which has no second commit. INVALID_RECORD for more than 1,000 numbers. */
  truncate(
    owner: SessionIdentity,
    range: TruncateRange,
    options?: Omit<TakeBackOptions, "signal">,
  ): Operation<Truncated> {
    const piece = this.truncatePiece(owner, range, options);
    return {
      ...piece,
      apply: async (transaction) => {
        const { last, isDone } = await piece.apply(transaction);
        if (!isDone)
          throw invalid(
            "after",
            `at most ${MAX_TAKEN} before the last event, and ${MAX_LARGE_TAKEN} large events, in a unit`,
          );
        return { last };
      },
    };
  }

  /** Takes back the last events, and returns them. CORRUPT. */
  pop(
    owner: SessionIdentity,
    count: number,
    options: Omit<TakeBackOptions, "signal"> = {},
  ): Operation<SessionEvent<E>[]> {
    readInteger(count, "count", 1, MAX_POPPED);
    const expect = readExpectedNumber(readNamed(options, "options", ["expect"]));
    return this.#operation(owner, expect, async (transaction, end) => {
      const taken = await this.#lastEvents(transaction, owner, end, count);
      const [lowest] = taken;
      if (lowest !== undefined) await this.#takeBack(transaction, owner, end, lowest.number - 1);
      return taken;
    });
  }

  #operation<R>(
    owner: SessionIdentity,
    expect: number | undefined,
    work: (transaction: Transaction, end: HistoryEnd) => Promise<R>,
  ): Operation<R> {
    return {
      turn: headCell(owner),
      repeatable: false,
      apply: async (transaction) => {
        await this.#records.getOpen(transaction, owner);
        const end = await endOfHistory(transaction, this.#journal.places, owner);
        requireLast(owner, end, expect);
        return work(transaction, end);
      },
    };
  }

  /** Returns the number of the last event that is left. */
  async #takeBack(
    transaction: Transaction,
    owner: SessionIdentity,
    { first, next, last }: HistoryEnd,
    after: number,
  ): Promise<number> {
    const { places } = this.#journal;
    const lowest = Math.max(after + 1, first);
    if (last < lowest) return last;
    const from = await this.#beginOfPiece(transaction, owner, Math.max(lowest, last - MAX_TAKEN + 1), last);
    // What was taken back just before belongs to the same record.
    const begin = await this.#beginOfCut(transaction, owner, from);
    const left = Math.max(await lastUpTo(transaction, places, owner, begin - 1), first - 1);
    if (left < begin - 1) transaction.delete(places.entry(owner, begin - 1));
    await this.#large.remove(transaction, owner, from, last + 1);
    for (let number = from; number <= last; number++) {
      transaction.delete(places.entry(owner, number));
      // A summary may tell of events that are no more.
      transaction.delete(summaryCell(owner, number));
    }
    const { bytes, version } = await writeRemoved(left + 1);
    await transaction.set(places.entry(owner, next - 1, version), bytes);
    const log = editLogCell(owner);
    await transaction.set(log, withCut((await transaction.get(log)) ?? NO_EDITS, left, next - 1));
    const current = await this.#records.getOpen(transaction, owner);
    const activity = (updatedAt: number) => ({ ...current.activity, updatedAt });
    await this.#records.change(transaction, owner, current, { change: { activity } });
    return left;
  }

  /** The first number that one commit takes, as far as this one. */
  async #beginOfPiece(
    transaction: Transaction,
    owner: SessionIdentity,
    from: number,
    last: number,
  ): Promise<number> {
    const large = await this.#large.numbers(transaction, owner, from, last + 1);
    return large.at(-MAX_LARGE_TAKEN) ?? from;
  }

  /** The number itself or, if it was taken back, the first number that was taken back with it. */
  async #beginOfCut(transaction: Transaction, owner: SessionIdentity, number: number): Promise<number> {
    const { places } = this.#journal;
    let record = await transaction.getRecord(places.entry(owner, number));
    if (record === undefined) {
      // Its number is in the record above, if it was taken back.
      const range = { after: places.kind(number), limit: 1, bytes: false } as const;
      const [above] = await this.#store.list(owner, places.prefix, range);
      if (above === undefined) return number;
      record = await transaction.getRecord(places.entry(owner, places.numberOf(above)));
      if (record === undefined) {
        const rule = "the number of an event that the unit has not taken back";
        await throwUnlessStale(this.#store, transaction, invalid("after", rule));
        return number;
      }
    }
    const entry = isRemoved(record) && (await places.readSeen(record));
    return entry && entry.is === "removed" ? Math.min(number, entry.from) : number;
  }

  /** The last events that were not taken back, in their order. */
  async #lastEvents(
    transaction: Transaction,
    owner: SessionIdentity,
    { first, last }: HistoryEnd,
    count: number,
  ): Promise<SessionEvent<E>[]> {
    const { places } = this.#journal;
    const taken: SessionEvent<E>[] = [];
    let bytes = 0;
    for (let number = last; number >= first && taken.length < count; ) {
      const record = await transaction.getRecord(places.entry(owner, number));
      if (record === undefined) {
        const missing = corruptRecord(places.entry(owner, number), "an entry of the journal is missing");
        await throwUnlessStale(this.#store, transaction, missing);
        return taken;
      }
      const entry = await places.readSeen(record);
      if (entry.is === "removed") number = entry.from - 1;
      else {
        bytes += bytesOf(entry);
        if (bytes > PAGE_BYTES && taken.length > 0 && isElsewhere(entry))
          throw invalid(
            "count",
            `so small that the events have at most ${PAGE_BYTES} bytes: truncate takes more`,
          );
        const whole = await this.#whole(transaction, owner, entry);
        if (whole === undefined) return taken;
        taken.unshift((await eventOf(this.#journal, owner, whole)) as SessionEvent<E>);
        number--;
      }
    }
    return taken;
  }

  /** The event with its value, also one that this transaction has written; `undefined` where it was read at another moment. */
  async #whole(
    transaction: Transaction,
    owner: SessionIdentity,
    entry: ValueEntry | RedactedEntry,
  ): Promise<ValueEntry | RedactedEntry | undefined> {
    if (entry.is === "redacted" || entry.elsewhere === undefined) return entry;
    const { elsewhere, ...rest } = entry;
    try {
      return { ...rest, bytes: await this.#large.readIn(transaction, owner, entry.number, elsewhere) };
    } catch (error) {
      if (!isStateError(error, "CORRUPT")) throw error;
      await throwUnlessStale(this.#store, transaction, error);
      return undefined;
    }
  }
}
