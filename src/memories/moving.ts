import { moveEach } from "../content/move-each.js";
import { isStateError } from "../contract/errors.js";
import type { CallOptions, Identity, RecordHeader, StateStore } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import type { SeenRecord } from "../typed/cell.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { movedEventId } from "../typed/moving/moved-record.js";
import type { UserData, UserMove } from "../typed/moving/user-data.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import { unlessCorrupt } from "../typed/unless-corrupt.js";
import { clearAll } from "./clear-all.js";
import {
  ALL,
  CHANGED,
  CONTENTS,
  MEMORIES,
  type MemoryPlace,
  memoryCell,
  type SeenMemory,
  seenMemory,
} from "./stored-memory.js";
import { seenVector, vectorCell } from "./stored-vector.js";
import { deleteMemory, findByContent, readMemory, writeMemory } from "./write-memory.js";

/** There are 64. */
const MOST_STAMPS = 1_000;

/**
 * How the memories of a user move to another, each with its entries and its vector in one commit. Where both have one of the same
 * content, or under the same id, the other user's stays.
 */
export function movingMemories(store: StateStore): UserData {
  return {
    name: "memories",
    ownPrefixes: ALL,
    forgetUser: ({ tenant, user }, { signal }) => clearAll(store, userIdentity(tenant, user), signal),
    moveOwn: (move, options) => moveAll(store, move, options),
  };
}

async function moveAll(
  store: StateStore,
  { tenant, from, to }: UserMove,
  options: CallOptions,
): Promise<number> {
  const [source, target] = [userIdentity(tenant, from), userIdentity(tenant, to)];
  const placeOf = ({ kind }: RecordHeader) => ({ owner: source, id: kind.slice(MEMORIES.length) });
  const move = (header: RecordHeader) => moveOne(store, placeOf(header), target, options);
  const moved = await moveEach(store, { source, prefix: MEMORIES }, move, options);
  await dropStamps(store, source, options);
  return moved;
}

/** Removes what said that memories have changed, once there are none. A memory that is added meanwhile keeps its own. */
async function dropStamps(store: StateStore, owner: Identity, { signal }: CallOptions): Promise<void> {
  const stamps = await store.list(owner, CHANGED, { limit: MOST_STAMPS, bytes: false, signal });
  const [left] = await store.list(owner, CONTENTS, { limit: 1, bytes: false, signal });
  if (left !== undefined || stamps.length === 0) return;
  const deletes = stamps.map(
    ({ kind, eventId }) => ({ op: "delete", identity: owner, kind, expect: eventId }) as const,
  );
  try {
    await commitWithRetries(store, deletes, { signal, repeatable: true });
  } catch (error) {
    if (!isStateError(error, "CONDITION_FAILED")) throw error;
  }
}

/** Returns whether it moved. CORRUPT. */
function moveOne(
  store: StateStore,
  from: MemoryPlace,
  target: Identity,
  { signal }: CallOptions,
): Promise<boolean> {
  return transact(
    store,
    async (transaction) => {
      const record = await transaction.getRecord(memoryCell(from));
      if (record === undefined) return false;
      const memory = await seenMemory(record);
      const vector = await vectorOf(transaction, from);
      await deleteMemory(transaction, from, memory);
      const to = { ...from, owner: target };
      if (await isThere(transaction, to, memory)) return false;
      const at = memory.updatedAt;
      const eventId = movedEventId({ ...record, updatedAt: at } as SeenRecord & { updatedAt: Date }, target);
      await writeMemory(transaction, to, undefined, { stored: memory.stored, at, eventId, vector });
      return true;
    },
    { signal },
  );
}

/** Whether the other user has this content, or something under this id. */
async function isThere(transaction: Transaction, to: MemoryPlace, { content }: SeenMemory): Promise<boolean> {
  const sameId = await unlessCorrupt(() => readMemory(transaction, memoryCell(to)));
  return sameId !== undefined || (await findByContent(transaction, to.owner, content)) !== undefined;
}

async function vectorOf(transaction: Transaction, place: MemoryPlace) {
  const seen = await unlessCorrupt(async () => {
    const record = await transaction.getRecord(vectorCell(place));
    return record && seenVector(record);
  });
  return typeof seen === "object" ? seen : undefined;
}
