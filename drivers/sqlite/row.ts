import type { Slot, StoredRecord } from "../../src/driver.js";
import { StateError } from "../../src/errors.js";

/** What a record holds, apart from its slot. */
export const CONTENT = "record.event_id, record.fingerprint, record.version, record.updated_at, record.bytes";
export const PLACE = "record.tenant, record.user, record.session, record.run, record.kind";

/** The record in a row of CONTENT. CORRUPT, with its place, when a column is of the wrong type. */
export function recordOf(row: readonly unknown[], slot: Slot): StoredRecord {
  const [eventId, fingerprint, version, updatedAt, bytes] = row;
  if (
    typeof eventId !== "string" ||
    !(fingerprint instanceof Uint8Array) ||
    typeof version !== "number" ||
    typeof updatedAt !== "number" ||
    !(bytes instanceof Uint8Array)
  ) {
    throw unreadable(slot);
  }
  const { tenant, user, session, run, kind } = slot;
  return { tenant, user, session, run, kind, eventId, fingerprint, version, updatedAt, bytes };
}

/** The record in a row of CONTENT and PLACE. */
export function placedRecordOf(row: readonly unknown[]): StoredRecord {
  const [, , , , , tenant, user, session, run, kind] = row;
  if (
    typeof tenant !== "string" ||
    typeof user !== "string" ||
    typeof session !== "string" ||
    typeof run !== "string" ||
    typeof kind !== "string"
  ) {
    throw unreadable();
  }
  return recordOf(row, { tenant, user, session, run, kind });
}

function unreadable(slot?: Slot): StateError<"CORRUPT"> {
  return new StateError("CORRUPT", "a stored record has columns of the wrong type", {
    details: slot === undefined ? {} : { at: placeOf(slot) },
  });
}

function placeOf({ tenant, user, session, run, kind }: Slot) {
  return { identity: run === "" ? { tenant, user, session } : { tenant, user, session, run }, kind };
}
