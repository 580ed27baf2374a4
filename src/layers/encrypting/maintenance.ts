import type { Driver, ScanPage, StoredRecord } from "../../contract/driver.js";
import type { DataKeys, StoredRing, StoredScope } from "./data-keys.js";
import type { ExportedRing } from "./key-file.js";
import { commitOwn, isOwn, OWN_KINDS, readOwn, STORE_SLOT, scopeSlot } from "./own-records.js";

const PAGE = 200;
const PAGE_BYTES = 1024 * 1024;

/** Wraps all data keys anew. Returns how many records it has changed. */
export async function rewrapAll(driver: Driver, keys: DataKeys): Promise<number> {
  let rewrapped = 0;
  for await (const record of ownRecords(driver)) if (await keys.rewrap(record)) rewrapped++;
  return rewrapped;
}

/** All rings that data is sealed with, with their keys unwrapped. */
export async function exportAll(driver: Driver, keys: DataKeys): Promise<ExportedRing[]> {
  const rings: ExportedRing[] = [];
  for await (const { tenant, session, kind } of ownRecords(driver)) {
    const ring = kind === OWN_KINDS ? await keys.export({ tenant, session }) : undefined;
    if (ring !== undefined) rings.push(ring);
  }
  return rings;
}

/** The names of the key-encryption keys that wrap something. */
export async function neededKeks(driver: Driver): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const record of ownRecords(driver)) {
    const value = readOwn<StoredScope & StoredRing>(record)?.value;
    for (const { kek } of Object.values(value?.content?.keys ?? value?.keys ?? {})) names.add(kek);
  }
  return names;
}

/** Destroys the keys from before a time that no scope names. Returns how many. */
export async function sweepKeys(driver: Driver, keyStore: Driver, before: number): Promise<number> {
  let destroyed = 0;
  for await (const record of ownRecords(keyStore)) {
    if (record.kind === OWN_KINDS || record.updatedAt >= before) continue;
    const scope = readOwn<StoredScope>((await driver.read([scopeSlot(record)]))[0]);
    if (record.kind === `${OWN_KINDS}/${scope?.value.ring}`) continue;
    const { tenant, user, session, run, kind } = record;
    await commitOwn(keyStore, [
      { op: "delete", slot: { tenant, user, session, run, kind }, expect: record.eventId },
    ]);
    destroyed++;
  }
  return destroyed;
}

/** The records of data keys, of all tenants. */
async function* ownRecords(driver: Driver): AsyncGenerator<StoredRecord> {
  for (let page: ScanPage | undefined; page === undefined || page.more; ) {
    const last = page?.next ?? page?.records.at(-1);
    page = await driver.scan({
      prefix: OWN_KINDS,
      limit: PAGE,
      maxBytes: PAGE_BYTES,
      reverse: false,
      ...(last !== undefined && { after: last }),
    });
    for (const record of page.records) if (isOwn(record) && record.tenant !== STORE_SLOT.tenant) yield record;
  }
}
