import type { Identity, StateStore } from "../contract/store.js";
import { findCell } from "../typed/cell-operations.js";
import { deleteIfOrphaned } from "../typed/delete-if-orphaned.js";
import { canRetryLater } from "./errors.js";
import { type IndexEntry, indexCell } from "./session-index.js";
import { sessionCell } from "./session-records.js";

/** How often a session that changes meanwhile is looked at. */
const MAX_READS = 3;

/**
 * The entries of the index whose session is there, in their order. Those that are of no session are removed: who erases a
 * session through the store, which knows of no index, leaves its entry behind.
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

/** An entry and its session change in one commit, so one whose session is another was left behind. */
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
    // In between it was touched, or another took its place.
    const wasThere = found?.value.createdAt === entry.record.createdAt;
    const { identity, kind } = indexCell(owner, entry.record.updatedAt);
    try {
      const foundOwner = { ...cell, eventId: found?.eventId ?? null };
      const result = await deleteIfOrphaned(store, { identity, kind, eventId: entry.eventId }, foundOwner, {
        signal,
      });
      if (result.is === "deleted") return false;
      if (result.for === "entry") return wasThere;
      // There is something, whatever the reads say.
      if (reads === MAX_READS) return found === undefined || wasThere;
    } catch (error) {
      // What hinders it is left to the next time.
      if (!canRetryLater(error)) throw error;
      return false;
    }
  }
}
