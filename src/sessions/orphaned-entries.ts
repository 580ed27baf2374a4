import type { SessionIdentity, StateStore } from "../contract/store.js";
import { deleteIfOrphaned, type FoundOwner, type Orphaned } from "../typed/delete-if-orphaned.js";
import type { Activity } from "./activity.js";
import { canRetryLater, staleRead } from "./errors.js";
import { headCell } from "./session-head.js";
import type { FoundEntry, SessionList } from "./session-lists.js";
import { sessionCell } from "./session-record.js";
import type { FoundActivity, SessionRecords } from "./session-records.js";

/** How often a session that changes meanwhile is read. */
const MAX_READS = 3;

/** A session of a list, as it is now. */
export interface ListedSession {
  readonly entry: FoundEntry;
  readonly activity: Activity;
}

/**
 * Returns the sessions of the entries, in their order, and deletes the entries that have none. An entry is orphaned when a
 * caller erases its session through the store, which does not know the lists.
 */
export async function findSessions(
  store: StateStore,
  records: SessionRecords,
  list: SessionList,
  entries: readonly FoundEntry[],
  signal: AbortSignal | undefined,
): Promise<ListedSession[]> {
  const found = await Promise.all(
    entries.map(async (entry) => {
      const activity = await activityOf(store, records, list, entry, signal);
      return activity === undefined ? [] : [{ entry, activity }];
    }),
  );
  return found.flat();
}

/** An entry and its session change in the same commit, so an entry that does not match its session is orphaned. */
export async function activityOf(
  store: StateStore,
  records: SessionRecords,
  list: SessionList,
  entry: FoundEntry,
  signal: AbortSignal | undefined,
): Promise<Activity | undefined> {
  const { tenant, user } = entry.slot.identity;
  const owner = { tenant, user, session: entry.session };
  for (let reads = 1; ; reads++) {
    const found = await records.findActivity(owner, { signal });
    if (isEntryOf(list, entry, found)) return found.activity;
    // The session was touched after the entry was read, or it was deleted and another one was created.
    const asItIs = found.activity?.createdAt === entry.createdAt ? found.activity : undefined;
    const removed = await removeEntry(store, entry, ownerOf(entry, owner, found), signal);
    if (removed === "later" || removed.is === "deleted") return undefined;
    if (removed.for === "entry" || (reads === MAX_READS && asItIs !== undefined)) return asItIs;
    // The commit found a session that this read does not show: the read came from a stale replica.
    if (reads === MAX_READS) throw staleRead();
  }
}

/** `later`: the next listing deletes it. */
async function removeEntry(
  store: StateStore,
  { slot, eventId }: FoundEntry,
  owner: FoundOwner,
  signal: AbortSignal | undefined,
): Promise<Orphaned | "later"> {
  try {
    return await deleteIfOrphaned(store, { ...slot, eventId }, owner, { signal });
  } catch (error) {
    if (!canRetryLater(error)) throw error;
    return "later";
  }
}

function isEntryOf(
  { order, field }: SessionList,
  entry: FoundEntry,
  { activity, record }: FoundActivity,
): boolean {
  return (
    activity !== undefined &&
    entry.isOld === (record !== undefined) &&
    entry.createdAt === activity.createdAt &&
    entry.listedAt[order] === activity.listedAt[order] &&
    (field === undefined || activity.fields?.includes(field) === true)
  );
}

/** The slot that would have changed if the entry belonged to a session after all. */
function ownerOf(entry: FoundEntry, owner: SessionIdentity, { head, record }: FoundActivity): FoundOwner {
  const isInRecord = entry.isOld && head?.value.activity === undefined;
  const { identity, kind } = isInRecord ? sessionCell(owner) : headCell(owner);
  return { identity, kind, eventId: (isInRecord ? record : head)?.eventId ?? null };
}
