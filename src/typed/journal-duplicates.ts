import { StateError } from "../contract/errors.js";
import type { EventId, Identity, StateRecord, StateStore } from "../contract/store.js";
import { findByEventId } from "./find-by-event-id.js";

/** An entry as it is written: its event id and its encoded value. */
export interface EncodedEntry {
  readonly eventId: EventId;
  readonly bytes: Uint8Array;
}

/**
 * Returns the records if all these entries were appended before with these values. Otherwise IDEMPOTENCY_CONFLICT: an
 * entry has another value, only some of the entries were appended, or some were trimmed or erased since.
 */
export function requireSameEntries(
  records: readonly (StateRecord | undefined)[],
  encoded: readonly EncodedEntry[],
  conflict: StateError,
): readonly StateRecord[] {
  if (records.every((record) => record === undefined)) throw conflict;
  const change = records.findIndex((record, index) => !hasSameBytes(record, encoded[index] as EncodedEntry));
  if (change === -1) return records as StateRecord[];
  throw new StateError(
    "IDEMPOTENCY_CONFLICT",
    `entry ${change} is not stored with this value, but others of these entries were appended before: send the same entries again, or use new ids`,
    { details: { change } },
  );
}

/** Finds the record of each entry; `undefined` for an entry that has none. */
export function findEntries(
  store: StateStore,
  owner: Identity,
  encoded: readonly EncodedEntry[],
): Promise<(StateRecord | undefined)[]> {
  return Promise.all(encoded.map(({ eventId }) => findByEventId(store, owner, eventId)));
}

export function hasSameBytes(record: StateRecord | undefined, { bytes }: EncodedEntry): boolean {
  return record !== undefined && Buffer.compare(record.bytes, bytes) === 0;
}
