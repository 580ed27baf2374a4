import { isStateError } from "../contract/errors.js";
import type { CallOptions, EventId, Expect, RecordKey, StateStore } from "../contract/store.js";

/** An entry that points at a record, as it was read. */
export interface PointingEntry extends RecordKey {
  readonly eventId: EventId;
}

/** What was found where an entry points to: the event of another record, or `null` for nothing. */
export interface FoundOwner extends RecordKey {
  readonly eventId: Expect;
}

/** `kept`: what was read was not true, or is not any more, of the `entry` or of its `owner`. */
export type Orphaned = { readonly is: "deleted" } | { readonly is: "kept"; readonly for: "entry" | "owner" };

/**
 * Deletes an entry because what it points at was not found. That it is still not there is a condition of the very
 * commit: a read may have been stale, and what is deleted on its word alone is deleted for good. Harmless when it is
 * called again. Rejects with what the commit rejects with, but for CONDITION_FAILED.
 */
export async function deleteIfOrphaned(
  store: StateStore,
  entry: PointingEntry,
  owner: FoundOwner,
  options?: CallOptions,
): Promise<Orphaned> {
  try {
    await store.commit(
      [
        { op: "check", identity: owner.identity, kind: owner.kind, expect: owner.eventId },
        { op: "delete", identity: entry.identity, kind: entry.kind, expect: entry.eventId },
      ],
      options,
    );
    return { is: "deleted" };
  } catch (error) {
    if (!isStateError(error, "CONDITION_FAILED")) throw error;
    return { is: "kept", for: error.details.change === 0 ? "owner" : "entry" };
  }
}
