import { isStateError } from "../contract/errors.js";
import type { CallOptions, EventId, Expect, RecordKey, StateStore } from "../contract/store.js";

/** An entry that points at a record, as it was read. */
export interface PointingEntry extends RecordKey {
  readonly eventId: EventId;
}

/** The slot that an entry points to, with the event of the record found there, or `null` if the slot was empty. */
export interface FoundOwner extends RecordKey {
  readonly eventId: Expect;
}

/** `kept`: the `entry`, or its `owner`, is not as it was read: the read was stale, or it changed since. */
export type Orphaned = { readonly is: "deleted" } | { readonly is: "kept"; readonly for: "entry" | "owner" };

/**
 * Deletes an entry whose owner was not found, and with it the slots of `more`, whatever they hold. The commit itself checks that the owner is still missing: a read from a
 * stale replica may miss an owner that exists, and a deleted entry cannot be restored. Calling it again is harmless.
 * Rejects with the errors of the commit, except CONDITION_FAILED.
 */
export async function deleteIfOrphaned(
  store: StateStore,
  entry: PointingEntry,
  owner: FoundOwner,
  options?: CallOptions,
  more: readonly RecordKey[] = [],
): Promise<Orphaned> {
  try {
    await store.commit(
      [
        { op: "check", identity: owner.identity, kind: owner.kind, expect: owner.eventId },
        { op: "delete", identity: entry.identity, kind: entry.kind, expect: entry.eventId },
        ...more.map(({ identity, kind }) => ({ op: "delete", identity, kind }) as const),
      ],
      options,
    );
    return { is: "deleted" };
  } catch (error) {
    if (!isStateError(error, "CONDITION_FAILED")) throw error;
    return { is: "kept", for: error.details.change === 0 ? "owner" : "entry" };
  }
}
