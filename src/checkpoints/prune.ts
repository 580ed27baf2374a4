import { isStateError } from "../contract/errors.js";
import type { CallOptions, Change, RecordHeader, SessionIdentity, StateStore } from "../contract/store.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { KeptCheckpoints } from "./kept.js";
import { type Place, pendingPath, writesOf } from "./kinds.js";
import { removeOrphanedWrites } from "./orphaned-writes.js";
import type { CheckpointRecords } from "./records.js";
import { markRemoval } from "./removal-mark.js";
import { removeAbandonedUploads, sweepPool } from "./sweep.js";
import { untilUnchanged } from "./until-unchanged.js";

/** What to prune, as it was read. */
export interface PruneInput {
  readonly place: Place;
  /** Absent: each namespace of the lineage. */
  readonly namespace?: string;
  readonly keep: number;
  /** Uploads and pending writes without a checkpoint are left alone until they are older than this time. */
  readonly abandonedBefore: number;
}

/** How much was removed. */
export interface Pruned {
  /** Checkpoints, with what was pending for them. */
  readonly checkpoints: number;
  /** Values that no checkpoint uses. */
  readonly values: number;
}

/** Each takes an erase, of which a commit has at most 256. */
const AT_ONCE = 200;

/** Removes old checkpoints, then what no checkpoint uses any more. */
export async function pruneLineage<V, Input>(
  records: CheckpointRecords<V, Input>,
  input: PruneInput,
  options: CallOptions,
): Promise<Pruned> {
  const { place, abandonedBefore } = input;
  const { owner, lineage } = place;
  const found = await records.lineage(owner, lineage, options);
  const checkpoints = await removeOld(records, input, options);
  await removeOrphanedWrites(records, place, abandonedBefore, options);
  await removeAbandonedUploads(records, place, found?.record.pool, abandonedBefore, options);
  const values =
    found === undefined ? 0 : await sweepPool(records, owner, found.record.pool, options, lineage);
  return { checkpoints, values };
}

/** Removes the checkpoints that are not kept, in pieces. Puts may come before each, and may refer to what is left. */
async function removeOld<V, Input>(
  records: CheckpointRecords<V, Input>,
  { place, namespace, keep }: PruneInput,
  options: CallOptions,
): Promise<number> {
  const { store } = records;
  const found = await records.lineage(place.owner, place.lineage, options);
  if (found === undefined) return 0;
  const { next, pool } = found.record;
  const kept = new KeptCheckpoints(records, place, { keep, ...(namespace !== undefined && { namespace }) });
  await kept.choose(next, options);
  let removed = 0;
  for await (const page of kept.others(AT_ONCE, options)) {
    let old = page;
    await untilUnchanged(records, place, options, async (lineage) => {
      // Another lineage of this name has other checkpoints.
      if (lineage?.record.pool !== pool) return true;
      await kept.takeIn(lineage.record.next, options);
      old = old.filter(({ kind }) => !kept.has(kind));
      if (old.length === 0) return true;
      const { change } = markRemoval(place.owner, pool);
      const changes = [lineage.unchanged, change, ...old.flatMap((header) => removalOf(place, header))];
      try {
        await commitWithRetries(store, changes, { signal: options.signal, repeatable: true });
      } catch (error) {
        if (!isStateError(error, "CONDITION_FAILED")) throw error;
        old = await stillThere(store, place.owner, old, options);
        return false;
      }
      removed += old.length;
      return true;
    });
  }
  return removed;
}

/** Those that are as they were: another prune may be faster. */
async function stillThere(
  store: StateStore,
  owner: SessionIdentity,
  headers: readonly RecordHeader[],
  options: CallOptions,
): Promise<RecordHeader[]> {
  const found = await Promise.all(headers.map(({ kind }) => store.find(owner, kind, options)));
  return headers.filter(({ eventId }, at) => found[at]?.eventId === eventId);
}

/** A checkpoint goes with everything that is pending for it. */
function removalOf({ owner, lineage }: Place, header: RecordHeader): Change[] {
  const { kind, eventId } = header;
  const prefix = writesOf(lineage) + pendingPath(header);
  return [
    { op: "delete", identity: owner, kind, expect: eventId },
    { op: "erase", identity: owner, prefix },
  ];
}
