import type { SessionIdentity, StateStore } from "../contract/store.js";
import { entryKind } from "../typed/journal-bounds.js";
import type { Activity } from "./activity.js";
import { EVENTS, type SessionHead } from "./session-head.js";
import type { OldActivity, SessionRecord } from "./session-record.js";

/** The activity of a session that a version before 0.5 wrote last: in its record, except when it got its last event. */
export async function oldActivity(
  store: StateStore,
  owner: SessionIdentity,
  head: SessionHead,
  { createdAt, old }: SessionRecord,
): Promise<Activity> {
  const { updatedAt, closedAt } = old as OldActivity;
  const lastEventAt = await timeOfLastEvent(store, owner, head, updatedAt);
  return {
    createdAt,
    updatedAt,
    ...(lastEventAt !== undefined && { lastEventAt }),
    ...(closedAt !== undefined && { closedAt }),
    listedAt: { updatedAt, lastEventAt: updatedAt },
  };
}

/** The time of the last event, or of the last change where that event is trimmed. */
async function timeOfLastEvent(
  store: StateStore,
  owner: SessionIdentity,
  { first, next }: SessionHead,
  updatedAt: number,
): Promise<number | undefined> {
  if (next === 1) return undefined;
  const last = first < next ? await store.find(owner, entryKind(EVENTS, next - 1)) : undefined;
  return Math.min(last?.updatedAt.getTime() ?? updatedAt, updatedAt);
}
