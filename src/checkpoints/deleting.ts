import { changedAllTheTime } from "../content/outdated.js";
import { isStateError } from "../contract/errors.js";
import type {
  CallOptions,
  Change,
  MaintenanceScope,
  RecordHeader,
  SessionIdentity,
} from "../contract/store.js";
import { scanKind } from "../store/scan-kind.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import {
  checkpointsOf,
  poolKinds,
  REMOVALS,
  removalsKind,
  UPLOADS,
  uploadsOfWrites,
  writesOf,
} from "./kinds.js";
import { type LineageRecord, lineageCell } from "./lineage-record.js";
import type { CheckpointRecords } from "./records.js";
import { markRemoval } from "./removal-mark.js";
import { eraseUnusedPool, removeUploads, sweepPool } from "./sweep.js";

const MAX_ATTEMPTS = 20;

/**
 * Deletes a lineage in one commit, however large it is. The values that forks share go afterwards, as far as nothing uses
 * them. Returns whether there was one. Also deletes what is left of an earlier one. With `isMeant`, only a lineage that it
 * accepts.
 */
export async function deleteLineage<V, Input>(
  records: CheckpointRecords<V, Input>,
  owner: SessionIdentity,
  name: string,
  options: CallOptions,
  isMeant?: (lineage: LineageRecord) => boolean,
): Promise<boolean> {
  const { store } = records;
  const { identity, kind } = lineageCell(owner, name);
  for (let attempt = 1; ; attempt++) {
    const found = await records.lineage(owner, name, options, true);
    if (isMeant && !(found && isMeant(found.record))) return false;
    const pool = found?.record.pool;
    const isShared = found?.record.shared === true;
    const own = [checkpointsOf(name), writesOf(name), uploadsOfWrites(name)];
    const erased = pool === undefined || isShared ? own : [...own, ...Object.values(poolKinds(pool))];
    const changes: Change[] = [
      { op: "delete", identity, kind, expect: found?.eventId ?? null },
      ...erased.map((prefix): Change => ({ op: "erase", identity, prefix })),
    ];
    if (pool !== undefined)
      changes.push(
        isShared ? markRemoval(owner, pool).change : { op: "delete", identity, kind: removalsKind(pool) },
      );
    try {
      await commitWithRetries(store, changes, { signal: options.signal, repeatable: true });
    } catch (error) {
      if (!isStateError(error, "CONDITION_FAILED")) throw error;
      if (attempt === MAX_ATTEMPTS) throw changedAllTheTime();
      continue;
    }
    if (pool !== undefined && isShared) await sweepPool(records, owner, pool, options);
    return found !== undefined;
  }
}

/**
 * Removes, in all sessions of a scope, the uploads that nobody has gone on with since this time, and the values of lineages
 * that share them and were deleted by a process that died before it removed the values. Returns how many.
 */
export async function recoverLeftovers<V, Input>(
  records: CheckpointRecords<V, Input>,
  scope: MaintenanceScope,
  before: number,
  { signal }: CallOptions,
): Promise<number> {
  let removed = 0;
  const remove = {
    [UPLOADS]: (header: RecordHeader) => removeUploads(records, [header], { signal }),
    [REMOVALS]: (header: RecordHeader) => eraseUnusedPool(records, header, { signal }),
  };
  for (const [prefix, work] of Object.entries(remove))
    for await (const header of scanKind(records.store, scope, prefix, { signal, bytes: false }))
      if (header.updatedAt.getTime() <= before) removed += await work(header);
  return removed;
}
