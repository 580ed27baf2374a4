import type { MaintenanceScope, StateStore } from "../contract/store.js";
import { isReserved } from "../identity/identity.js";
import { decodeRecord } from "../typed/cell.js";
import { perform } from "../typed/operation.js";
import { retainPages } from "../typed/retaining/retain-pages.js";
import type { Retained, RetainOptions } from "../typed/retaining/retained-data.js";
import type { ArtifactOperations } from "./operations.js";
import { VERSION_CODEC, VERSIONS_PREFIX } from "./stored-artifact.js";

/** Deletes versions of artifacts that were put long ago, with the content that nothing else uses. Each goes as a record. */
export function retainArtifacts(
  store: StateStore,
  operations: ArtifactOperations,
  scope: MaintenanceScope,
  options: RetainOptions,
): Promise<Retained> {
  const { before, dryRun, isKept, signal } = options;
  if (before.records === undefined) return Promise.resolve({ payloads: 0, records: 0, kept: 0 });
  const cutoff = before.records;
  return retainPages(store, scope, { prefixes: [VERSIONS_PREFIX] }, options, async (record) => {
    const { identity } = record;
    const { name, version, at } = await decodeRecord(VERSION_CODEC, record);
    if (at >= cutoff) return undefined;
    if (!isReserved(identity.session) && (await isKept(identity))) return "kept";
    if (dryRun) return "record";
    const deleting = operations.deleteVersion(identity, name, version);
    return (await perform(store, deleting, { signal })).result ? "record" : undefined;
  });
}
