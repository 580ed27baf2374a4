import type { EventId, Identity } from "../contract/store.js";
import type { Cell } from "../typed/cell.js";
import type { Transaction } from "../typed/transaction.js";
import { DAMAGED, unlessCorrupt } from "../typed/unless-corrupt.js";
import {
  changedCell,
  contentCell,
  dueCell,
  idInEntry,
  type MemoryPlace,
  memoryCell,
  movedCell,
  newestCell,
  type SeenMemory,
  type StoredMemory,
  seenMemory,
  timesOf,
} from "./stored-memory.js";
import { type EmbeddedContent, vectorCell } from "./stored-vector.js";

/** What is written. */
export interface MemoryToWrite {
  readonly stored: StoredMemory;
  readonly at: Date;
  readonly eventId?: EventId | undefined;
  /** `keep`: the content is the same as before. `undefined`: there is none. */
  readonly vector: EmbeddedContent | "keep" | undefined;
}

/** The memory in a slot, past its time or not. CORRUPT. */
export async function readMemory(
  transaction: Transaction,
  cell: Cell<StoredMemory>,
): Promise<SeenMemory | undefined> {
  const record = await transaction.getRecord(cell);
  return record && seenMemory(record);
}

/** The memory that has a content, past its time or not. One that is damaged, or has another content by now, is none. */
export async function findByContent(
  transaction: Transaction,
  owner: Identity,
  content: string,
): Promise<SeenMemory | undefined> {
  const id = await idOfContent(transaction, owner, content);
  if (id === undefined) return undefined;
  const seen = await unlessCorrupt(() => readMemory(transaction, memoryCell({ owner, id })));
  return seen !== DAMAGED && seen?.content === content ? seen : undefined;
}

/** Writes a memory with its entries, in place of what it was before. Returns its event. */
export async function writeMemory(
  transaction: Transaction,
  place: MemoryPlace,
  before: SeenMemory | undefined,
  { stored, at, eventId, vector }: MemoryToWrite,
): Promise<EventId> {
  if (before !== undefined) await deleteEntries(transaction, place, before);
  const written = await transaction.write(memoryCell(place), stored, eventId, undefined, at);
  await transaction.write(contentCell(place.owner, stored.content), place.id);
  await transaction.write(changedCell(place.owner, stored.content), null);
  if (before !== undefined && before.content !== stored.content)
    await transaction.write(movedCell(place.owner), null);
  const { createdAt, expiresAt } = timesOf(stored, at);
  await transaction.write(newestCell(place, createdAt), null);
  if (expiresAt !== undefined) await transaction.write(dueCell(place, expiresAt), null);
  if (typeof vector === "object") await transaction.write(vectorCell(place), vector);
  else if (vector === undefined && before !== undefined) transaction.delete(vectorCell(place));
  return written;
}

/** Says that the vector of a memory has changed. */
export async function writeVector(
  transaction: Transaction,
  place: MemoryPlace,
  { content }: SeenMemory,
  vector: EmbeddedContent,
): Promise<void> {
  await transaction.write(vectorCell(place), vector);
  // By the entry's new event, every index knows that it has to read the memory anew.
  await transaction.write(contentCell(place.owner, content), place.id);
  await transaction.write(changedCell(place.owner, content), null);
}

/** Deletes a memory with its entries. Those of a damaged one are not known: they lead nowhere. */
export async function deleteMemory(
  transaction: Transaction,
  place: MemoryPlace,
  before: SeenMemory | typeof DAMAGED,
): Promise<void> {
  transaction.delete(memoryCell(place));
  transaction.delete(vectorCell(place));
  if (before !== DAMAGED) await deleteEntries(transaction, place, before);
}

async function deleteEntries(
  transaction: Transaction,
  place: MemoryPlace,
  { content, createdAt, expiresAt }: SeenMemory,
): Promise<void> {
  const { owner, id } = place;
  transaction.delete(newestCell(place, createdAt));
  if (expiresAt !== undefined) transaction.delete(dueCell(place, expiresAt));
  if ((await idOfContent(transaction, owner, content)) === id)
    transaction.delete(contentCell(owner, content));
  await transaction.write(changedCell(owner, content), null);
}

async function idOfContent(
  transaction: Transaction,
  owner: Identity,
  content: string,
): Promise<string | undefined> {
  const id = await unlessCorrupt(async () => {
    const record = await transaction.getRecord(contentCell(owner, content));
    return record && idInEntry(record);
  });
  return id === DAMAGED ? undefined : id;
}
