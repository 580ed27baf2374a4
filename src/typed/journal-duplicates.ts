import { StateError } from "../contract/errors.js";
import type { EventId, Identity, StateRecord, StateStore } from "../contract/store.js";
import { findByEventId } from "./find-by-event-id.js";

/** An entry, ready to be written. */
export interface Made {
  readonly eventId: EventId;
  readonly bytes: Uint8Array;
}

/**
 * The records of entries, which were appended before: all of them, with these values. IDEMPOTENCY_CONFLICT where that
 * cannot be shown: another value, some of them with others, or entries that were trimmed or erased since.
 */
export function appendedBefore(
  records: readonly (StateRecord | undefined)[],
  made: readonly Made[],
  conflict: StateError,
): readonly StateRecord[] {
  if (records.every((record) => record === undefined)) throw conflict;
  const change = records.findIndex((record, index) => !isSame(record, made[index] as Made));
  if (change === -1) return records as StateRecord[];
  throw new StateError(
    "IDEMPOTENCY_CONFLICT",
    `entry ${change}: of these entries some were appended before, with other values or without the rest`,
    { details: { change } },
  );
}

/** The records of entries that are there. */
export function findEntries(
  store: StateStore,
  owner: Identity,
  made: readonly Made[],
): Promise<(StateRecord | undefined)[]> {
  return Promise.all(made.map(({ eventId }) => findByEventId(store, owner, eventId)));
}

export function isSame(record: StateRecord | undefined, { bytes }: Made): boolean {
  return record !== undefined && Buffer.compare(record.bytes, bytes) === 0;
}
