import { StateError } from "../contract/errors.js";
import type { EventId, Identity } from "../contract/store.js";
import type { FoundRecord, Transaction } from "./transaction.js";

/** An entry as it is written: its event id and its encoded value. */
export interface EncodedEntry {
  readonly eventId: EventId;
  readonly bytes: Uint8Array;
  /** The event id is the caller's, so the entry may have been appended before. */
  readonly isOwnId: boolean;
}

/**
 * Returns the records if all these entries were appended before with these values. Otherwise IDEMPOTENCY_CONFLICT: an
 * entry has another value, only some of the entries were appended, or some were trimmed or erased since.
 */
export function requireSameEntries(
  records: readonly (FoundRecord | undefined)[],
  encoded: readonly EncodedEntry[],
): readonly FoundRecord[] {
  const change = records.findIndex((record, index) => !hasSameBytes(record, encoded[index] as EncodedEntry));
  if (change === -1) return records as FoundRecord[];
  throw new StateError(
    "IDEMPOTENCY_CONFLICT",
    `entry ${change} is not stored with this value, but others of these entries were appended before: send the same entries again, or use new ids`,
    { details: { change } },
  );
}

/** Finds the record of each entry; `undefined` for an entry that has none. None of these reads is a condition. */
export function findEntries(
  transaction: Transaction,
  owner: Identity,
  encoded: readonly EncodedEntry[],
): Promise<(FoundRecord | undefined)[]> {
  return Promise.all(
    encoded.map(({ eventId, isOwnId }) =>
      isOwnId ? transaction.findByEventId(owner, eventId) : Promise.resolve(undefined),
    ),
  );
}

function hasSameBytes(record: FoundRecord | undefined, { bytes }: EncodedEntry): boolean {
  return record !== undefined && Buffer.compare(record.bytes, bytes) === 0;
}
