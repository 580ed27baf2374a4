import { recordsUnder } from "../content/paging.js";
import type { CallOptions, Identity, SessionIdentity, StateStore } from "../contract/store.js";
import { decodeRecord } from "../typed/cell.js";
import { exportEach } from "../typed/exporting/export-each.js";
import { AS_STORED } from "../typed/exporting/exported-value.js";
import { itemPrefix } from "../typed/names.js";
import type { Clock } from "../typed/time.js";
import { CHECKPOINT_CODEC } from "./checkpoint-record.js";
import { checkpointsOf, LINEAGES } from "./kinds.js";
import { LINEAGE_CODEC } from "./lineage-record.js";
import { eachWrite, loadCheckpoint } from "./reading.js";
import { CheckpointRecords } from "./records.js";

/**
 * The checkpoints of a session, of each lineage and namespace the oldest first, each followed by what is pending for it. Values are
 * as their codec wrote them.
 */
export function exportCheckpoints(
  store: StateStore,
  owner: Identity,
  now: Clock,
  options: CallOptions,
): AsyncGenerator<string> {
  const records = new CheckpointRecords(store, AS_STORED, now);
  return exportEach(store, { owner, prefix: itemPrefix(LINEAGES), itemsOf }, options);

  async function* itemsOf({ kind }: { readonly kind: string }): AsyncGenerator<object> {
    const stored = await store.find(owner, kind, options);
    if (stored === undefined) return;
    const lineage = await decodeRecord(LINEAGE_CODEC, stored);
    if (lineage.copied !== undefined) return;
    for await (const page of recordsUnder(store, owner, checkpointsOf(lineage.name), options))
      for (const record of page) {
        const { namespace } = await decodeRecord(CHECKPOINT_CODEC, record);
        const place = { owner: owner as SessionIdentity, lineage: lineage.name, namespace };
        const found = await records.open(place, lineage, record);
        const checkpoint = await loadCheckpoint(records, found, options);
        if (checkpoint === undefined) continue;
        yield checkpoint;
        const of = { lineage: lineage.name, namespace, checkpoint: checkpoint.id };
        for await (const write of eachWrite(records, place, checkpoint.id, options)) yield { ...of, write };
      }
  }
}
