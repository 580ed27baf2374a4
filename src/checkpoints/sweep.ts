import { headersUnder, recordsUnder } from "../content/paging.js";
import { removeUnchanged } from "../content/remove-unchanged.js";
import { ValuePool } from "../content/value-pool.js";
import { isStateError } from "../contract/errors.js";
import type { CallOptions, Change, RecordHeader, SessionIdentity, StateStore } from "../contract/store.js";
import { corruptRecord, decodeRecord } from "../typed/cell.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { LINEAGES, type Place, poolKinds, poolOfRemovals, uploadAt, uploadsOfWrites } from "./kinds.js";
import { LINEAGE_CODEC, type LineageRecord, lineageCell } from "./lineage-record.js";
import type { CheckpointRecords } from "./records.js";
import { isSwept, markRemoval, type RemovalMark, sweptSince } from "./removal-mark.js";
import { usedKeys } from "./used-keys.js";

/** So many values are looked at in one pass over the checkpoints. */
const VALUES_AT_ONCE = 50_000;

/**
 * Removes the values of a pool that no checkpoint uses, in passes over some of the values each. The removals are marked first.
 * Then, in each pass, the values are listed before the checkpoints are read: a value that comes into use later is either
 * written again, which changes its event, or taken over from a checkpoint that exists. Returns how many were removed.
 * There is nothing to do if no checkpoint was removed since the last time. With the name of a lineage, the others are not looked
 * at as long as it shares its pool with none.
 */
export async function sweepPool<V, Input>(
  records: CheckpointRecords<V, Input>,
  owner: SessionIdentity,
  pool: string,
  options: CallOptions,
  lineage?: string,
): Promise<number> {
  const { store } = records;
  if (await isSwept(store, owner, pool, options)) return 0;
  const mark = markRemoval(owner, pool);
  await commitWithRetries(store, [mark.change], { signal: options.signal, repeatable: true });
  const kinds = poolKinds(pool);
  const at = new ValuePool(store, owner, kinds);
  const keyOf = ({ kind }: RecordHeader) => kind.slice(kinds.values.length);
  let removed = 0;
  for (let after: string | undefined; ; ) {
    const values: RecordHeader[] = [];
    const range = after === undefined ? options : { ...options, after };
    for await (const page of headersUnder(store, owner, kinds.values, range)) {
      values.push(...page);
      if (values.length >= VALUES_AT_ONCE) break;
    }
    const lineages = await lineagesWith(records, owner, pool, options, lineage);
    if (lineages.length === 0) return erasePool(store, owner, pool, mark.guard, options);
    const [first, last] = [values[0], values.at(-1)];
    if (first === undefined || last === undefined) break;
    const isLooked = (key: string) => key >= keyOf(first) && key <= keyOf(last);
    const used = await usedKeys(records, owner, { pool, lineages, isLooked }, mark.guard, options);
    if (used === undefined) return removed;
    const unused = values.filter((header) => !used.has(keyOf(header)));
    const removals = unused.map((header) => at.removal(keyOf(header), header.eventId));
    const result = await removeUnchanged(store, removals, [mark.guard], options);
    removed += result.removed;
    if (result.outdated) return removed;
    if (values.length < VALUES_AT_ONCE) break;
    after = last.kind;
  }
  await removeUnchanged(store, [[sweptSince(mark)]], [], options);
  return removed;
}

/** The lineages that have this pool: one alone, if it shares it with none. */
async function lineagesWith<V, Input>(
  records: CheckpointRecords<V, Input>,
  owner: SessionIdentity,
  pool: string,
  options: CallOptions,
  name: string | undefined,
): Promise<readonly LineageRecord[]> {
  const own = name === undefined ? undefined : await records.lineage(owner, name, options, true);
  if (own?.record.pool === pool && !own.record.shared) return [own.record];
  return lineagesOf(records, owner, pool, options);
}

/**
 * Erases a pool that no lineage has, unless checkpoints were removed since then: a lineage may have been seen by no page of
 * a list, because it was copied and then deleted. A pool without lineages never gets one again. Returns 0.
 */
async function erasePool(
  store: StateStore,
  owner: SessionIdentity,
  pool: string,
  lastRemoval: RemovalMark["guard"],
  { signal }: CallOptions,
): Promise<number> {
  const erases = Object.values(poolKinds(pool)).map(
    (prefix): Change => ({ op: "erase", identity: owner, prefix }),
  );
  try {
    const changes: Change[] = [{ ...lastRemoval, op: "delete" }, ...erases];
    await commitWithRetries(store, changes, { signal, repeatable: true });
  } catch (error) {
    if (!isStateError(error, "CONDITION_FAILED")) throw error;
  }
  return 0;
}

/** Erases the pool of this removal if no lineage has it. Returns how many were erased. */
export async function eraseUnusedPool<V, Input>(
  records: CheckpointRecords<V, Input>,
  { identity, kind, eventId: expect }: RecordHeader,
  options: CallOptions,
): Promise<number> {
  const owner = identity as SessionIdentity;
  const pool = poolOfRemovals(kind);
  if (await isUsed(records, owner, pool, options)) return 0;
  await erasePool(records.store, owner, pool, { op: "check", identity, kind, expect }, options);
  return 1;
}

/** A lineage that cannot be read may have the pool. Whoever reads that lineage gets the error. */
async function isUsed<V, Input>(
  records: CheckpointRecords<V, Input>,
  owner: SessionIdentity,
  pool: string,
  options: CallOptions,
): Promise<boolean> {
  try {
    return (await lineagesOf(records, owner, pool, options)).length > 0;
  } catch (error) {
    if (isStateError(error, "CORRUPT")) return true;
    throw error;
  }
}

/** The lineages that have this pool, those that are being copied too. */
export async function lineagesOf<V, Input>(
  records: CheckpointRecords<V, Input>,
  owner: SessionIdentity,
  pool: string | undefined,
  options: CallOptions,
): Promise<LineageRecord[]> {
  const found: LineageRecord[] = [];
  for await (const page of recordsUnder(records.store, owner, `${LINEAGES}/`, options))
    for (const stored of page) {
      const record = await decodeRecord(LINEAGE_CODEC, stored);
      if (stored.kind !== lineageCell(owner, record.name).kind)
        throw corruptRecord(stored, "the record of a lineage has another's name");
      if (pool === undefined || record.pool === pool) found.push(record);
    }
  return found;
}

/** Removes the uploads of a lineage that nobody has gone on with since this time. Returns how many. */
export async function removeAbandonedUploads<V, Input>(
  records: CheckpointRecords<V, Input>,
  { owner, lineage }: Place,
  pool: string | undefined,
  before: number,
  options: CallOptions,
): Promise<number> {
  let removed = 0;
  const own = pool === undefined ? [] : [poolKinds(pool).uploads];
  for (const prefix of [...own, uploadsOfWrites(lineage)])
    for await (const page of headersUnder(records.store, owner, prefix, options))
      removed += await removeUploads(
        records,
        page.filter(({ updatedAt }) => updatedAt.getTime() <= before),
        options,
      );
  return removed;
}

/** Removes these uploads, with their chunks, unless they were finished meanwhile. */
export async function removeUploads<V, Input>(
  { store }: CheckpointRecords<V, Input>,
  uploads: readonly RecordHeader[],
  options: CallOptions,
): Promise<number> {
  let removed = 0;
  for (const { identity, kind, eventId } of uploads) {
    const { kinds, key } = uploadAt(kind);
    const pool = new ValuePool(store, identity as SessionIdentity, kinds);
    const result = await removeUnchanged(store, [pool.removalOfUpload(key, eventId)], [], options);
    removed += result.removed;
  }
  return removed;
}
