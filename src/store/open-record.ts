import type { Slot, StoredRecord } from "../contract/driver.js";
import { StateError } from "../contract/errors.js";
import type { RecordHeader, RecordKey, StateRecord } from "../contract/store.js";
import { identityOf, recordKeyOf } from "../identity/identity.js";
import { fingerprint, fingerprintSteps } from "../rules/fingerprint.js";
import type { Steps } from "../timing/in-slices.js";
import { copyBytes, plainBytes } from "../validation/validate-bytes.js";
import { contentDamage, type Expected, headerDamage, slotDamage } from "./damage-of.js";

/** A payload of more bytes than this is verified in slices. */
const MAX_BYTES_AT_ONCE = 256 * 1024;

/** How many records of a page are verified in one step. */
const RECORDS_PER_STEP = 100;

/**
 * Verifies a stored record and makes it the caller's own. Copies the payload, unless the driver returns unshared bytes.
 * CORRUPT if the record is damaged, or is not the requested one; then without its key, which may be another tenant's.
 */
export function openRecord(
  record: StoredRecord,
  expected: Expected,
  isUnshared = false,
  isAllowed: (at: Slot) => boolean = anySlot,
): StateRecord {
  checkSlot(record, expected, isAllowed);
  if (record.unreadable !== undefined) throw record.unreadable;
  checkContent(record);
  checkFingerprint(record, fingerprint(record));
  return opened(record, isUnshared);
}

/** `openRecord` in steps, each of which verifies a part of the payload. */
export function* openSteps(
  record: StoredRecord,
  expected: Expected,
  isUnshared = false,
  isAllowed: (at: Slot) => boolean = anySlot,
): Steps<StateRecord> {
  checkSlot(record, expected, isAllowed);
  if (record.unreadable !== undefined) throw record.unreadable;
  checkContent(record);
  checkFingerprint(record, yield* fingerprintSteps(record));
  return opened(record, isUnshared);
}

/**
 * The same for a record whose payload was not read. Without the payload the fingerprint proves nothing, so only the form of
 * the other fields is checked.
 */
// biome-ignore lint/correctness/useYield: a header takes one step.
export function* headerSteps(
  record: StoredRecord,
  expected: Expected,
  isAllowed: (at: Slot) => boolean = anySlot,
): Steps<RecordHeader> {
  checkSlot(record, expected, isAllowed);
  const damage = headerDamage(record);
  if (damage !== undefined) throw corrupt({ at: recordKeyOf(record) }, damage);
  return headerOf(record);
}

/** Opens the records of a page in steps, each short enough for the event loop. */
export function* openPageSteps(
  records: readonly StoredRecord[],
  open: (record: StoredRecord) => Steps<void>,
): Steps<void> {
  let opened = 0;
  let bytes = 0;
  for (const record of records) {
    yield* open(record);
    bytes += record.bytes?.byteLength ?? 0;
    if (++opened < RECORDS_PER_STEP && bytes < MAX_BYTES_AT_ONCE) continue;
    opened = 0;
    bytes = 0;
    yield;
  }
}

/** Whether a page takes long to open. Damaged records may give any answer. */
export function isLongPage(records: readonly StoredRecord[]): boolean {
  let bytes = 0;
  for (const record of records) bytes += record?.bytes?.byteLength ?? 0;
  return records.length > RECORDS_PER_STEP || bytes > MAX_BYTES_AT_ONCE;
}

/** Whether a record takes long to open. A damaged one may give any answer. */
export function isLarge(record: StoredRecord): boolean {
  return record?.bytes?.byteLength > MAX_BYTES_AT_ONCE;
}

function checkSlot(record: StoredRecord, expected: Expected, isAllowed: (at: Slot) => boolean): void {
  const damage = slotDamage(record, expected);
  if (damage !== undefined) throw corrupt({}, damage);
  if (isAllowed(record)) return;
  const message = "a scan returned a record that does not match, or is out of order";
  throw new StateError("CORRUPT", message, { details: {} });
}

function checkContent(record: StoredRecord): void {
  const damage = contentDamage(record);
  if (damage !== undefined) throw corrupt({ at: recordKeyOf(record) }, damage);
}

function checkFingerprint(record: StoredRecord, computed: string): void {
  if (computed === record.fingerprint) return;
  throw corrupt({ at: recordKeyOf(record) }, "its fingerprint is not that of its slot, version and bytes");
}

function opened(record: StoredRecord, isUnshared: boolean): StateRecord {
  return {
    eventId: record.eventId,
    identity: identityOf(record),
    kind: record.kind,
    bytes: isUnshared ? plainBytes(record.bytes) : copyBytes(record.bytes),
    version: record.version,
    updatedAt: new Date(record.updatedAt),
  };
}

function headerOf(record: StoredRecord): RecordHeader {
  const { eventId, kind, version, updatedAt } = record;
  return { eventId, identity: identityOf(record), kind, version, updatedAt: new Date(updatedAt) };
}

function anySlot(): boolean {
  return true;
}

function corrupt(details: { at?: RecordKey }, damage: string): StateError<"CORRUPT"> {
  return new StateError("CORRUPT", `a stored record does not pass its checks: ${damage}`, { details });
}
