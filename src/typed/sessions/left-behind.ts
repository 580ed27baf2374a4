import type { Identity, SessionIdentity, StateStore } from "../../contract.js";
import { isStateError } from "../../errors.js";
import { mayPass } from "./errors.js";
import { type IndexEntry, indexCell } from "./session-index.js";
import type { SessionRecords } from "./session-records.js";

/**
 * The entries of the index whose session is there, in their order. Those that are of no session are removed: who erases a
 * session through the store, which knows of no index, leaves its entry behind.
 */
export async function entriesOfSessions(
  store: StateStore,
  records: SessionRecords,
  user: Identity,
  entries: readonly IndexEntry[],
  signal: AbortSignal | undefined,
): Promise<IndexEntry[]> {
  const isThere = async (entry: IndexEntry): Promise<boolean> => {
    const owner = { tenant: user.tenant, user: user.user, session: entry.session };
    const record = await records.find(owner, { signal });
    if (record?.updatedAt === entry.record.updatedAt) return true;
    if (await removeIfSame(store, owner, entry, signal)) return false;
    // In between the session was touched, or another took its place.
    return record?.createdAt === entry.record.createdAt;
  };
  const there = await Promise.all(entries.map(isThere));
  return entries.filter((_, index) => there[index]);
}

/**
 * Whether the entry is still as it was, while the session's record is another: they change in one commit, so it was left
 * behind. It is removed then; what hinders that is left to the next time.
 */
async function removeIfSame(
  store: StateStore,
  owner: SessionIdentity,
  { record, eventId }: IndexEntry,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { identity, kind } = indexCell(owner, record.updatedAt);
  const current = await store.find(identity, kind, { signal });
  if (current?.eventId !== eventId) return false;
  try {
    await store.delete(identity, kind, { expect: eventId, signal });
  } catch (error) {
    if (!mayPass(error) && !isStateError(error, "CONDITION_FAILED")) throw error;
  }
  return true;
}
