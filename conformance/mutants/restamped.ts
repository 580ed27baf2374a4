import { type Driver, fingerprint, type StoredRecord } from "../../src/index.js";
import { DAMAGED } from "../harness/reference-harness.js";

/**
 * Hands out every record as the one that was asked for, whatever it is. The store checks what a driver gives it, and
 * would notice many a broken rule before the case does that states it; a store that an author writes whole may not.
 */
export function restamped(driver: Driver): Driver {
  const count = driver.count?.bind(driver);
  return {
    apply: (commits, options) => driver.apply(commits, options),
    sweep: (session) => driver.sweep(session),
    status: () => driver.status(),
    close: () => driver.close(),
    scanSessions: (query) => driver.scanSessions(query),
    ...(count && { count: (query) => count(query) }),
    async read(slots) {
      const records = await driver.read(slots);
      return records.map((record, index) => record && restamp(record, slots[index]));
    },
    async readByEventId(session, eventId) {
      const record = await driver.readByEventId(session, eventId);
      return record && restamp(record, { ...session, eventId });
    },
    async scan(query) {
      const { records, ...rest } = await driver.scan(query);
      const asked = query.identity ?? (query.tenant === undefined ? {} : { tenant: query.tenant });
      return { records: records.map((record) => restamp(record, asked)), ...rest };
    },
  };
}

function restamp(record: StoredRecord, asked: Partial<StoredRecord> | undefined): StoredRecord {
  const stamped = { ...record, ...asked };
  if (record.fingerprint === DAMAGED) return stamped;
  return { ...stamped, fingerprint: fingerprint(stamped) };
}
