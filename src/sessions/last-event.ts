import { StateError } from "../contract/errors.js";
import type { SessionIdentity } from "../contract/store.js";
import type { SeenRecord } from "../typed/cell.js";
import { corruptRecord } from "../typed/cell.js";
import { EMPTY_HEAD } from "../typed/journal-bounds.js";
import { isRemoved } from "../typed/journal-entry.js";
import type { JournalPlaces } from "../typed/journal-places.js";
import type { Transaction } from "../typed/transaction.js";
import { readInteger } from "../validation/validate.js";

/** The end of a session's history, as a transaction sees it. */
export interface HistoryEnd {
  /** The number of the last event that was not taken back; it may be trimmed. 0 if there never was one. */
  readonly last: number;
  /** The number of the first event that is not trimmed. */
  readonly first: number;
  /** The number that the next event gets. */
  readonly next: number;
}

/** What a call builds upon. */
export interface ExpectOptions {
  /**
   * The number of the last event that the caller knows, 0 for none. If the session went on since, or took events back, the
   * call is refused with CONDITION_FAILED, and `details.last` is the number that there is.
   */
  readonly expect?: number;
}

/** The end of the history. It is a condition of the transaction. CORRUPT. */
export async function endOfHistory(
  transaction: Transaction,
  places: JournalPlaces,
  owner: SessionIdentity,
): Promise<HistoryEnd> {
  const { first, next } = (await transaction.get(places.head(owner))) ?? EMPTY_HEAD;
  return { first, next, last: await lastUpTo(transaction, places, owner, next - 1) };
}

/** The number of the last event up to a number that was not taken back. */
export async function lastUpTo(
  transaction: Transaction,
  places: JournalPlaces,
  owner: SessionIdentity,
  number: number,
): Promise<number> {
  for (let last = number; ; ) {
    const record = last < 1 ? undefined : await transaction.getRecord(places.entry(owner, last));
    if (record === undefined || !isRemoved(record)) return last;
    last = (await fromOf(places, record)) - 1;
  }
}

/** CONDITION_FAILED, unless the end is what the caller expects. */
export function requireLast(owner: SessionIdentity, end: HistoryEnd, expect: number | undefined): void {
  if (expect === undefined || expect === end.last) return;
  const last = end.last < end.first ? 0 : end.last;
  // A reader of a session that is trimmed empty knows no number.
  if (expect === last) return;
  throw new StateError(
    "CONDITION_FAILED",
    `the last event of the session is another one: its number is ${last}`,
    {
      details: { change: 0, identity: owner, kind: "session.events", current: null, last },
    },
  );
}

/** INVALID_RECORD. */
export function readExpectedNumber(options: ExpectOptions): number | undefined {
  return "expect" in options ? readInteger(options.expect, "expect", 0, Number.MAX_SAFE_INTEGER) : undefined;
}

async function fromOf(places: JournalPlaces, record: SeenRecord): Promise<number> {
  const entry = await places.readSeen(record);
  if (entry.is === "removed") return entry.from;
  throw corruptRecord(record, "a record of numbers that were taken back");
}
