import type { Identity } from "../contract/store.js";
import { CHUNK_SIZE } from "./chunks.js";
import { readEntry } from "./listing.js";
import type { Entry } from "./pointer.js";
import type { LifecycleRecords } from "./records.js";
import type { List } from "./status-index.js";
import type { LifecycleState } from "./stored.js";

interface LocateRange {
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/** Entries of the tenant's lists that are read where no entry of the id was written. */
const MAX_EXAMINED = 10_000;

/** The records of a tenant that have this id, the newest first. CORRUPT where one is damaged. */
export async function locate<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  tenant: Identity,
  id: string,
  { limit, signal }: LocateRange,
): Promise<V[]> {
  const { locations } = records;
  if (locations === undefined) throw new TypeError(`${records.declared.name} does not declare \`located\``);
  const found: V[] = [];
  for (let after: string | undefined; ; ) {
    const { entries, next } = await locations.of(tenant, id, { after, limit: CHUNK_SIZE, signal });
    found.push(...(await readAll(records, entries, signal)));
    if (next === undefined || found.length >= limit) break;
    after = next;
  }
  if (found.length === 0) found.push(...(await locateUnwritten(records, tenant, id, signal)));
  return found.slice(0, limit);
}

/** Open records that were created before their locations were kept. */
async function locateUnwritten<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  tenant: Identity,
  id: string,
  signal: AbortSignal | undefined,
): Promise<V[]> {
  const { declared, index } = records;
  const list = index.listOf(tenant, "tenant") as List;
  const found: V[] = [];
  let examined = 0;
  for (const status of declared.open) {
    for (let after: string | undefined; examined < MAX_EXAMINED; ) {
      const page = await index.page(list, status, { after, limit: 1000, signal });
      examined += page.length;
      const named = page.filter(({ key }) => key.id === id);
      found.push(...(await readAll(records, named, signal)));
      if (page.length < 1000) break;
      after = page.at(-1)?.position;
    }
  }
  return found;
}

async function readAll<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  entries: readonly Entry[],
  signal: AbortSignal | undefined,
): Promise<V[]> {
  const now = records.now();
  const read = await Promise.all(entries.map((entry) => readEntry(records, entry, now, signal)));
  return read.flatMap((one) => (one === undefined ? [] : [one.record]));
}
