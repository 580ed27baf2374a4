import { isStateError } from "../contract/errors.js";
import type { Identity } from "../contract/store.js";
import { type Cell, corruptRecord } from "./cell.js";
import type { CombinableOperation } from "./combined/perform-combined.js";
import { EMPTY_HEAD, type Head } from "./journal-bounds.js";
import { type EncodedEntry, findEntries, requireSameEntries } from "./journal-duplicates.js";
import type { FoundRecord, Transaction } from "./transaction.js";

/** The result of an append. */
export interface AppendReceipt {
  /** The entries had been appended before: this call wrote nothing. */
  readonly duplicate: boolean;
  /** The numbers of the entries, in order. */
  readonly numbers: readonly number[];
}

/** The cells of one journal, as an append writes them. */
export interface WrittenCells {
  readonly head: Cell<Head>;
  /** Takes a value that is encoded already. */
  entry(number: number, version?: number): Cell<Uint8Array>;
  numberOf(record: FoundRecord): number;
}

/** An append whose input is read. */
export interface NewAppend {
  readonly owner: Identity;
  readonly cells: WrittenCells;
  readonly encoded: readonly EncodedEntry[];
  /** All entries have ids of the caller's. */
  readonly repeatable: boolean;
  readonly also: ((transaction: Transaction) => Promise<unknown>) | undefined;
  /** Reads the head to append to, and makes changes of its own to it. Absent: it is read as it is. */
  readonly advance?: (transaction: Transaction) => Promise<Head>;
}

/** What `Journal.append` does. */
export function appendOperation(append: NewAppend): CombinableOperation<AppendReceipt> {
  const { cells, encoded, repeatable } = append;
  return {
    turn: cells.head,
    repeatable,
    reads: [cells.head],
    // A large value has a record that says where it is, and one of its upload.
    writes: encoded.reduce((sum, { large }) => sum + (large === undefined ? 1 : 3), 0),
    bytes: encoded.reduce((sum, { bytes }) => sum + bytes.byteLength, 0),
    ids: encoded.filter(({ isOwnId }) => isOwnId).map(({ eventId }) => eventId),
    apply: (transaction) => appendIn(transaction, append),
    recall: (transaction) => recallAppend(transaction, append),
  };
}

/**
 * The receipt if these entries were appended before; `undefined` if none of them is stored. IDEMPOTENCY_CONFLICT if only
 * some are, or with other values.
 */
export async function recallAppend(
  transaction: Transaction,
  { owner, cells, encoded }: NewAppend,
): Promise<AppendReceipt | undefined> {
  const [found, { first } = EMPTY_HEAD] = await Promise.all([
    findEntries(transaction, owner, encoded),
    transaction.peek(cells.head),
  ]);
  // What was trimmed may not be removed yet.
  const records = found.map((record) => (record && cells.numberOf(record) < first ? undefined : record));
  if (records.every((record) => record === undefined)) return undefined;
  const same = await requireSameEntries(records, encoded);
  return { duplicate: true, numbers: same.map((record) => cells.numberOf(record)) };
}

async function appendIn(
  transaction: Transaction,
  { cells, encoded, also, advance }: NewAppend,
): Promise<AppendReceipt> {
  const bounds = advance ? await advance(transaction) : ((await transaction.get(cells.head)) ?? EMPTY_HEAD);
  await also?.(transaction);
  const numbers = encoded.map((_, index) => bounds.next + index);
  const create = ({ eventId, bytes, large }: EncodedEntry, index: number) => {
    const number = numbers[index] as number;
    const entry = cells.entry(number, large?.version);
    transaction.explain(entry, (error) =>
      isStateError(error, "CONDITION_FAILED")
        ? corruptRecord(cells.head, "the journal's numbers are wrong")
        : error,
    );
    const creating = transaction.create(entry, bytes, eventId);
    return large === undefined ? creating : creating.then(() => large.show?.(transaction, number));
  };
  await Promise.all(encoded.map(create));
  await transaction.set(cells.head, { ...bounds, next: bounds.next + encoded.length });
  return { duplicate: false, numbers };
}
