import { invalid } from "../contract/errors.js";
import { readInteger, readNamed } from "../validation/validate.js";
import type { Cell } from "./cell.js";
import { EMPTY, type Head } from "./journal-bounds.js";
import type { Transaction } from "./transaction.js";

/** Which entries go. */
export interface TrimRange {
  /** The number of the last one that goes. */
  readonly upTo: number;
}

/** The cells of one journal. */
export interface JournalCells {
  readonly head: Cell<Head>;
  entry(number: number): Cell<unknown, never>;
}

export interface Trimmed {
  /** How many records of entries were removed now. */
  readonly removed: number;
  /** None is left to be removed. */
  readonly isDone: boolean;
}

/** In one commit, beside what else is done in it. */
const AT_ONCE = 200;

/** What goes, or how many of the last ones stay. INVALID_RECORD. */
export function readTrim(range: unknown): TrimRange | number {
  if (typeof range !== "object" || range === null)
    return readInteger(range, "keep", 0, Number.MAX_SAFE_INTEGER);
  const { upTo } = readNamed(range, "range", ["upTo"]) as TrimRange;
  return { upTo: readInteger(upTo, "upTo", 1, Number.MAX_SAFE_INTEGER) };
}

/**
 * Takes entries out of the journal: for readers all of them are gone with this commit, though the records of no more
 * than 200 are removed in it. `sweepIn` removes the rest. Writes nothing where they were taken out before.
 */
export async function trimIn(
  transaction: Transaction,
  cells: JournalCells,
  range: TrimRange | number,
): Promise<Trimmed> {
  const head = (await transaction.get(cells.head)) ?? EMPTY;
  const upTo = typeof range === "number" ? head.next - 1 - range : range.upTo;
  if (upTo >= head.next) throw invalid("upTo", "the number of an entry that was appended");
  if (upTo < head.first) return { removed: 0, isDone: head.unswept === undefined };
  return removePiece(transaction, cells, { ...head, unswept: head.unswept ?? head.first, first: upTo + 1 });
}

/** Removes some of the records that trims have left. */
export async function sweepIn(transaction: Transaction, cells: JournalCells): Promise<Trimmed> {
  const head = (await transaction.get(cells.head)) ?? EMPTY;
  if (head.unswept === undefined) return { removed: 0, isDone: true };
  return removePiece(transaction, cells, { ...head, unswept: head.unswept });
}

async function removePiece(
  transaction: Transaction,
  cells: JournalCells,
  { first, next, unswept }: Required<Head>,
): Promise<Trimmed> {
  const until = Math.min(first, unswept + AT_ONCE);
  for (let number = unswept; number < until; number++) transaction.delete(cells.entry(number));
  const isDone = until === first;
  await transaction.set(cells.head, isDone ? { first, next } : { first, next, unswept: until });
  return { removed: until - unswept, isDone };
}
