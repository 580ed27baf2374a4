import { isStateError } from "../contract/errors.js";
import type { EventId, Identity, StateRecord, StateStore } from "../contract/store.js";

/** Returns the record whose current event has this id, or `undefined`. */
export async function findByEventId(
  store: StateStore,
  owner: Identity,
  eventId: EventId,
): Promise<StateRecord | undefined> {
  try {
    return await store.loadByEventId(owner, eventId);
  } catch (error) {
    if (isStateError(error, "NOT_FOUND")) return undefined;
    throw error;
  }
}
