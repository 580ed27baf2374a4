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
import { changedAllTheTime } from "./errors.js";
import { checkpointsOf, poolKinds, removalsKind, UPLOADS, uploadsOfWrites, writesOf } from "./kinds.js";
import { lineageCell } from "./lineage-record.js";
import type { CheckpointRecords } from "./records.js";
import { markRemoval } from "./removing.js";
import { lineagesOf, removeUploads, sweepPool } from "./sweep.js";

const MAX_ATTEMPTS = 20;

/**
 * Deletes a lineage in one commit, however large it is. The values that forks share go afterwards, as far as nothing uses
 * them. Returns whether there was one. Also deletes what is left of an earlier one.
 */
export async function deleteLineage<V, Input>(
  records: CheckpointRecords<V, Input>,
  owner: SessionIdentity,
  name: string,
  options: CallOptions,
): Promise<boolean> {
  const { store } = records;
  const { identity, kind } = lineageCell(owner, name);
  for (let attempt = 1; ; attempt++) {
    const found = await records.lineage(owner, name, options, true);
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
    if (pool !== undefined && isShared) await tidyPool(records, owner, pool, options);
    return found !== undefined;
  }
}

/** Removes what no lineage uses. A pool without lineages never gets one again, because forks come of one that has it. */
async function tidyPool<V, Input>(
  records: CheckpointRecords<V, Input>,
  owner: SessionIdentity,
  pool: string,
  options: CallOptions,
): Promise<void> {
  if ((await lineagesOf(records, owner, pool, options)).length > 0) {
    await sweepPool(records, owner, pool, options);
    return;
  }
  const erases = Object.values(poolKinds(pool)).map(
    (prefix): Change => ({ op: "erase", identity: owner, prefix }),
  );
  const mark: Change = { op: "delete", identity: owner, kind: removalsKind(pool) };
  await commitWithRetries(records.store, [mark, ...erases], { signal: options.signal, repeatable: true });
}

/** Removes the uploads of all sessions of a scope that nobody has gone on with since this time. Returns how many. */
export async function recoverUploads<V, Input>(
  records: CheckpointRecords<V, Input>,
  scope: MaintenanceScope,
  before: number,
  { signal }: CallOptions,
): Promise<number> {
  let removed = 0;
  const isOld = ({ updatedAt }: RecordHeader) => updatedAt.getTime() <= before;
  for await (const header of scanKind(records.store, scope, UPLOADS, { signal, bytes: false }))
    if (isOld(header)) removed += await removeUploads(records, [header], { signal });
  return removed;
}
