import type { MaintenanceScope } from "../contract/store.js";
import { decodeRecord } from "../typed/cell.js";
import { itemPrefix } from "../typed/names.js";
import { retainPages } from "../typed/retaining/retain-pages.js";
import type { Retained, RetainOptions } from "../typed/retaining/retained-data.js";
import { deleteLineage } from "./deleting.js";
import { LINEAGES } from "./kinds.js";
import { LINEAGE_CODEC } from "./lineage-record.js";
import type { CheckpointRecords } from "./records.js";

/**
 * Deletes lineages to which nothing was put for long, each with all its checkpoints. A lineage is nothing but payload, so it
 * goes as a record. One that is put to meanwhile stays.
 */
export function retainLineages<V, Input>(
  records: CheckpointRecords<V, Input>,
  scope: MaintenanceScope,
  options: RetainOptions,
): Promise<Retained> {
  const { before, dryRun, isKept, signal } = options;
  if (before.records === undefined) return Promise.resolve({ payloads: 0, records: 0, kept: 0 });
  const cutoff = before.records;
  return retainPages(records.store, scope, { prefixes: [itemPrefix(LINEAGES)] }, options, async (record) => {
    // Every put changes the record.
    if (record.updatedAt.getTime() >= cutoff) return undefined;
    const { name, next, pool } = await decodeRecord(LINEAGE_CODEC, record);
    if (await isKept(record.identity)) return "kept";
    if (dryRun) return "record";
    const isSame = (lineage: { readonly next: number; readonly pool: string }) =>
      lineage.next === next && lineage.pool === pool;
    return (await deleteLineage(records, record.identity, name, { signal }, isSame)) ? "record" : undefined;
  });
}
