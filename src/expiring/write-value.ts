import type { EventId } from "../contract/store.js";
import type { Transaction } from "../typed/transaction.js";
import type { DAMAGED } from "../typed/unless-corrupt.js";
import {
  endOf,
  entriesOf,
  entryId,
  type SeenValue,
  type StoredValue,
  type ValuePlace,
  valueCell,
} from "./stored-value.js";

/** What a slot held before; of what is damaged the end is not known, so what is left of its entries goes when their time has come. */
export type Before = SeenValue | typeof DAMAGED | undefined;

/** What is written. */
export interface ValueToWrite {
  readonly stored: StoredValue;
  /** From when on it lives. */
  readonly at: Date;
  readonly eventId?: EventId | undefined;
}

/** Writes a value with its entries, in place of those of the value before. Returns its event. */
export async function writeValue(
  transaction: Transaction,
  place: ValuePlace,
  before: Before,
  { stored, at, eventId }: ValueToWrite,
): Promise<EventId> {
  deleteEntries(transaction, place, before);
  const written = await transaction.write(valueCell(place), stored, eventId, undefined, at);
  await writeEntries(transaction, place, endOf(at.getTime(), stored.ttlMs), written);
  return written;
}

/** Writes the entries of a value that this event has written. */
export async function writeEntries(
  transaction: Transaction,
  place: ValuePlace,
  expiresAt: number,
  eventId: EventId,
): Promise<void> {
  const [due, live] = entriesOf(place, expiresAt);
  await transaction.write(due, null, entryId(eventId));
  await transaction.write(live, null);
}

/** Deletes a value with its entries. */
export function deleteValue(transaction: Transaction, place: ValuePlace, before: Before): void {
  transaction.delete(valueCell(place));
  deleteEntries(transaction, place, before);
}

/** Deletes the entries of a value. */
export function deleteEntries(transaction: Transaction, place: ValuePlace, before: Before): void {
  if (typeof before === "object")
    for (const entry of entriesOf(place, before.expiresAt.getTime())) transaction.delete(entry);
}
