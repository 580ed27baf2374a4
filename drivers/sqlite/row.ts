import type { Slot, StoredRecord } from "../../src/contract/driver.js";

/** The columns of a record, without its slot. */
export const CONTENT_COLUMNS =
  "record.event_id, record.fingerprint, record.version, record.updated_at, record.bytes";
/** The same without the payload: SQLite then leaves the pages alone that only a large payload takes. */
export const HEADER_COLUMNS = "record.event_id, record.fingerprint, record.version, record.updated_at, x''";
export const SLOT_COLUMNS = "record.tenant, record.user, record.session, record.run, record.kind";

/**
 * The record in a row of CONTENT_COLUMNS. The values are not checked: in a damaged file they may have any type. The store
 * checks them, because it knows to whom it may report damage.
 */
export function recordOf(row: readonly unknown[], slot: Slot): StoredRecord {
  const [eventId, fingerprint, version, updatedAt, bytes] = row;
  const { tenant, user, session, run, kind } = slot;
  return {
    tenant,
    user,
    session,
    run,
    kind,
    eventId,
    fingerprint,
    version,
    updatedAt,
    bytes,
  } as StoredRecord;
}

/** The record in a row of CONTENT_COLUMNS and SLOT_COLUMNS. */
export function recordWithSlotOf(row: readonly unknown[]): StoredRecord {
  const [, , , , , tenant, user, session, run, kind] = row;
  return recordOf(row, { tenant, user, session, run, kind } as Slot);
}
