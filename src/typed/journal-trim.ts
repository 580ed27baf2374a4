import { invalid } from "../contract/errors.js";
import { readInteger, readNamed } from "../validation/validate.js";
import type { Cell } from "./cell.js";
import { EMPTY_HEAD, type Head } from "./journal-bounds.js";
import type { Transaction } from "./transaction.js";

/** Which entries to remove. */
export interface TrimRange {
  /** The number of the last entry to remove. */
  readonly upTo: number;
}

/** The cells of one journal. */
export interface JournalCells {
  readonly head: Cell<Head>;
  entry(number: number): Cell<unknown, never>;
  /** Removes what lies elsewhere of the entries from a number up to before another. */
  removeElsewhere?(transaction: Transaction, from: number, until: number): Promise<void>;
}

export interface Trimmed {
  /** How many records of entries were removed now. */
  readonly removed: number;
  /** No record of a trimmed entry is left. */
  readonly isDone: boolean;
}

/** Short commits: readers and appends of the journal wait for each. A commit has room for the caller's own changes beside. */
const MAX_REMOVED_PER_COMMIT = 200;

/** Reads the caller's range: a number is how many of the last entries to keep. INVALID_RECORD. */
export function readTrim(range: unknown): TrimRange | number {
  if (typeof range !== "object" || range === null)
    return readInteger(range, "keep", 0, Number.MAX_SAFE_INTEGER);
  const { upTo } = readNamed(range, "range", ["upTo"]) as TrimRange;
  return { upTo: readInteger(upTo, "upTo", 1, Number.MAX_SAFE_INTEGER) };
}

/**
 * Trims entries. Readers see none of them after this commit, although it removes at most 200 records; `sweepIn` removes
 * the rest. Writes nothing if the entries were trimmed before.
 */
export async function trimIn(
  transaction: Transaction,
  cells: JournalCells,
  range: TrimRange | number,
): Promise<Trimmed> {
  const head = (await transaction.get(cells.head)) ?? EMPTY_HEAD;
  const upTo = typeof range === "number" ? head.next - 1 - range : range.upTo;
  if (upTo >= head.next) throw invalid("upTo", "the number of an entry that was appended");
  if (upTo < head.first) return { removed: 0, isDone: head.unswept === undefined };
  return removePiece(transaction, cells, { ...head, unswept: head.unswept ?? head.first, first: upTo + 1 });
}

/** Removes up to 200 records of entries that were trimmed before. */
export async function sweepIn(transaction: Transaction, cells: JournalCells): Promise<Trimmed> {
  const head = (await transaction.get(cells.head)) ?? EMPTY_HEAD;
  if (head.unswept === undefined) return { removed: 0, isDone: true };
  return removePiece(transaction, cells, { ...head, unswept: head.unswept });
}

async function removePiece(
  transaction: Transaction,
  cells: JournalCells,
  { unswept, ...head }: Head & Required<Pick<Head, "unswept">>,
): Promise<Trimmed> {
  const { first } = head;
  const until = Math.min(first, unswept + MAX_REMOVED_PER_COMMIT);
  await cells.removeElsewhere?.(transaction, unswept, until);
  for (let number = unswept; number < until; number++) transaction.delete(cells.entry(number));
  const isDone = until === first;
  await transaction.set(cells.head, isDone ? head : { ...head, unswept: until });
  return { removed: until - unswept, isDone };
}
