import type { Identity, StateStore } from "../contract/store.js";
import { findCell } from "../typed/cell-operations.js";
import { deleteIfOrphaned } from "../typed/delete-if-orphaned.js";
import { canRetryLater } from "./errors.js";
import { type IndexEntry, indexCell } from "./session-index.js";
import { sessionCell } from "./session-records.js";

/** How often a session that changes meanwhile is read. */
const MAX_READS = 3;

/**
 * Returns the index entries whose session exists, in their order, and deletes the others. An entry is orphaned when a
 * caller erases its session through the store, which does not know the index.
 */
export async function dropOrphanedEntries(
  store: StateStore,
  user: Identity,
  entries: readonly IndexEntry[],
  signal: AbortSignal | undefined,
): Promise<IndexEntry[]> {
  const exists = await Promise.all(entries.map((entry) => hasSession(store, user, entry, signal)));
  return entries.filter((_, index) => exists[index]);
}

/** An entry and its session change in the same commit, so an entry that does not match its session is orphaned. */
async function hasSession(
  store: StateStore,
  { tenant, user }: Identity,
  entry: IndexEntry,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const owner = { tenant, user, session: entry.session };
  const cell = sessionCell(owner);
  for (let reads = 1; ; reads++) {
    const found = await findCell(store, cell, { signal });
    if (found?.value.updatedAt === entry.record.updatedAt) return true;
    // The session was touched after the entry was read, or it was deleted and another one was created.
    const wasThere = found?.value.createdAt === entry.record.createdAt;
    const { identity, kind } = indexCell(owner, entry.record.updatedAt);
    try {
      const foundOwner = { ...cell, eventId: found?.eventId ?? null };
      const result = await deleteIfOrphaned(store, { identity, kind, eventId: entry.eventId }, foundOwner, {
        signal,
      });
      if (result.is === "deleted") return false;
      if (result.for === "entry") return wasThere;
      // The commit found a session that this read does not show: the read came from a stale replica.
      if (reads === MAX_READS) return found === undefined || wasThere;
    } catch (error) {
      // The next listing deletes the entry.
      if (!canRetryLater(error)) throw error;
      return false;
    }
  }
}
