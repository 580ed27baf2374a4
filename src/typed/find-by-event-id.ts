import { isStateError } from "../contract/errors.js";
import type { CallOptions, EventId, Identity, StateRecord, StateStore } from "../contract/store.js";

/** Returns the record whose current event has this id, or `undefined`. */
export async function findByEventId(
  store: StateStore,
  owner: Identity,
  eventId: EventId,
  options?: CallOptions,
): Promise<StateRecord | undefined> {
  try {
    return await store.loadByEventId(owner, eventId, options);
  } catch (error) {
    if (isStateError(error, "NOT_FOUND")) return undefined;
    throw error;
  }
}
