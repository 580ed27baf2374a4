import { types } from "node:util";
import type { Slot, StoredRecord } from "../contract/driver.js";
import { StateError } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { RecordKey, StateRecord } from "../contract/store.js";
import { identityOf, recordKeyOf } from "../identity/identity.js";
import { fingerprint, fingerprintSteps } from "../rules/fingerprint.js";
import type { Steps } from "../timing/in-slices.js";
import { copyBytes, plainBytes } from "../validation/validate-bytes.js";

/** A payload of more bytes than this is looked at a slice at a time. */
const MAX_BYTES_AT_ONCE = 256 * 1024;

/** How many records of a page are looked at in a step. */
const RECORDS_PER_STEP = 100;

/** What was asked for, and so must be in what came back. */
export type Expected = Partial<Readonly<Record<keyof Slot | "eventId", string | undefined>>>;

/**
 * A stored record as the caller's own: its payload is copied unless it was handed over. CORRUPT when it is damaged, or
 * is not the record that was asked for; in that case without its place, which may be another tenant's.
 */
export function openRecord(
  record: StoredRecord,
  expected: Expected,
  isUnshared = false,
  isAllowed: (at: Slot) => boolean = anySlot,
): StateRecord {
  checkSlot(record, expected, isAllowed);
  if (!hasContent(record) || fingerprint(record) !== record.fingerprint)
    throw corrupt({ at: recordKeyOf(record) });
  return opened(record, isUnshared);
}

/** The same, a piece of the payload in each step. */
export function* openSteps(
  record: StoredRecord,
  expected: Expected,
  isUnshared = false,
  isAllowed: (at: Slot) => boolean = anySlot,
): Steps<StateRecord> {
  checkSlot(record, expected, isAllowed);
  if (!hasContent(record) || (yield* fingerprintSteps(record)) !== record.fingerprint)
    throw corrupt({ at: recordKeyOf(record) });
  return opened(record, isUnshared);
}

/** Those of a page, one after another; a step ends after so many of them, or so many bytes, as do not take long. */
export function* openPageSteps(
  records: readonly StoredRecord[],
  open: (record: StoredRecord) => Steps<void>,
): Steps<void> {
  let opened = 0;
  let bytes = 0;
  for (const record of records) {
    yield* open(record);
    bytes += record.bytes.byteLength;
    if (++opened < RECORDS_PER_STEP && bytes < MAX_BYTES_AT_ONCE) continue;
    opened = 0;
    bytes = 0;
    yield;
  }
}

/** Whether it takes so long that it is done in slices; of what is damaged anything. */
export function isLongPage(records: readonly StoredRecord[]): boolean {
  let bytes = 0;
  for (const record of records) bytes += record?.bytes?.byteLength ?? 0;
  return records.length > RECORDS_PER_STEP || bytes > MAX_BYTES_AT_ONCE;
}

/** Whether to open it takes long enough to be done in slices; of a damaged one anything. */
export function isLarge(record: StoredRecord): boolean {
  return record?.bytes?.byteLength > MAX_BYTES_AT_ONCE;
}

function checkSlot(record: StoredRecord, expected: Expected, isAllowed: (at: Slot) => boolean): void {
  if (!hasSlot(record) || !matches(record, expected)) throw corrupt({});
  if (!isAllowed(record))
    throw corrupt({}, "a scan brought a record that was not asked for, or not in its order");
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

function anySlot(): boolean {
  return true;
}

function corrupt(
  details: { at?: RecordKey },
  message = "a stored record does not pass its checks",
): StateError<"CORRUPT"> {
  return new StateError("CORRUPT", message, { details });
}

/** Whether it has a place at all. None where anything was ever stored has a longer name than a kind may be. */
function hasSlot(record: StoredRecord): boolean {
  if (typeof record !== "object" || record === null) return false;
  const { tenant, user, session, run, kind } = record;
  return isName(tenant) && isName(user) && isName(session) && isName(run) && isName(kind);
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value.length <= LIMITS.kindBytes;
}

function matches(record: StoredRecord, expected: Expected): boolean {
  return (
    (expected.tenant === undefined || expected.tenant === record.tenant) &&
    (expected.user === undefined || expected.user === record.user) &&
    (expected.session === undefined || expected.session === record.session) &&
    (expected.run === undefined || expected.run === record.run) &&
    (expected.kind === undefined || expected.kind === record.kind) &&
    (expected.eventId === undefined || expected.eventId === record.eventId)
  );
}

function hasContent(record: StoredRecord): boolean {
  return (
    isName(record.eventId) &&
    Number.isSafeInteger(record.version) &&
    record.version >= 0 &&
    Number.isInteger(record.updatedAt) &&
    record.updatedAt >= LIMITS.earliest &&
    record.updatedAt <= LIMITS.latest &&
    types.isUint8Array(record.bytes)
  );
}
