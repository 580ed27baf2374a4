import type { Layer, StoredRecord } from "../../src/contract/driver.js";

/** A layer through which every record goes that is read; what comes out as `undefined` is left out. */
export function changing(change: (record: StoredRecord) => StoredRecord | undefined): Layer {
  return (driver) => ({
    apply: (commits, options) => driver.apply(commits, options),
    read: async (slots) => (await driver.read(slots)).map((record) => record && change(record)),
    readByEventId: async (session, eventId) => {
      const record = await driver.readByEventId(session, eventId);
      return record && change(record);
    },
    scan: async (query) => {
      const { records, ...rest } = await driver.scan(query);
      return { records: records.flatMap((record) => change(record) ?? []), ...rest };
    },
    scanSessions: (query) => driver.scanSessions(query),
    sweep: (session) => driver.sweep(session),
    status: () => driver.status(),
    close: () => driver.close(),
  });
}
