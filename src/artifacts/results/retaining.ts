import type { MaintenanceScope, StateStore } from "../../contract/store.js";
import { decodeRecord } from "../../typed/cell.js";
import { perform } from "../../typed/operation.js";
import { retainPages } from "../../typed/retaining/retain-pages.js";
import type { Retained, RetainOptions } from "../../typed/retaining/retained-data.js";
import type { ResultOperations } from "./operations.js";
import { RESULT_CODEC, RESULTS } from "./stored-result.js";

/** Deletes results that were put long ago, with their content. A result without its content is of no use, so it goes as a record. */
export function retainResults(
  store: StateStore,
  operations: ResultOperations,
  scope: MaintenanceScope,
  options: RetainOptions,
): Promise<Retained> {
  const { before, dryRun, isKept, signal } = options;
  if (before.records === undefined) return Promise.resolve({ payloads: 0, records: 0, kept: 0 });
  const cutoff = before.records;
  return retainPages(store, scope, { prefixes: [RESULTS] }, options, async (record) => {
    const { id, at } = await decodeRecord(RESULT_CODEC, record);
    if (at >= cutoff) return undefined;
    if (await isKept(record.identity)) return "kept";
    if (dryRun) return "record";
    const removing = operations.remove(record.identity, id, { ifOver: false });
    await perform(store, removing, { signal });
    return "record";
  });
}
