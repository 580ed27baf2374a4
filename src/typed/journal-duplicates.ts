import { createHash } from "node:crypto";
import { StateError } from "../contract/errors.js";
import type { EventId, Identity } from "../contract/store.js";
import type { ValueDigest } from "./journal-elsewhere.js";
import { digestElsewhere } from "./journal-entry.js";
import type { FoundRecord, Transaction } from "./transaction.js";

/** An entry as it is written: its event id and its encoded value. */
export interface EncodedEntry {
  readonly eventId: EventId;
  readonly bytes: Uint8Array;
  /** The event id is the caller's, so the entry may have been appended before. */
  readonly isOwnId: boolean;
  /** Present if the value lies elsewhere. */
  readonly large?: LargeValue;
}

/** A value that lies elsewhere: the bytes of its entry only say which it is. */
export interface LargeValue {
  readonly bytes: Uint8Array;
  readonly digest: ValueDigest;
  /** The version of the record of its entry. */
  readonly version: number;
  /** Makes it the value of its entry. Absent where it is not stored, because the entry was appended before. */
  readonly show?: (transaction: Transaction, number: number) => Promise<void>;
}

/**
 * Returns the records if all these entries were appended before with these values. Otherwise IDEMPOTENCY_CONFLICT: an
 * entry has another value, only some of the entries were appended, or some were trimmed or erased since.
 */
export async function requireSameEntries(
  records: readonly (FoundRecord | undefined)[],
  encoded: readonly EncodedEntry[],
): Promise<readonly FoundRecord[]> {
  const same = await Promise.all(
    records.map((record, index) => hasSameValue(record, encoded[index] as EncodedEntry)),
  );
  const change = same.indexOf(false);
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

/** The value may lie in the record or elsewhere, then and now: stores differ in how much a record may have. */
async function hasSameValue(
  record: FoundRecord | undefined,
  { bytes, large }: EncodedEntry,
): Promise<boolean> {
  if (record === undefined) return false;
  const value = large?.bytes ?? bytes;
  if (Buffer.compare(record.bytes, value) === 0) return true;
  const stored = await digestElsewhere(record);
  if (stored?.size !== value.length) return false;
  return stored.sha256 === (large?.digest.sha256 ?? createHash("sha256").update(value).digest("hex"));
}
