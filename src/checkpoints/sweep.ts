import { isStateError } from "../contract/errors.js";
import type { CallOptions, Change, RecordHeader, SessionIdentity, StateStore } from "../contract/store.js";
import { corruptRecord, decodeRecord } from "../typed/cell.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { CHECKPOINT_CODEC } from "./checkpoint-record.js";
import {
  checkpointsOf,
  LINEAGES,
  type Place,
  poolKinds,
  poolOfRemovals,
  uploadAt,
  uploadsOfWrites,
} from "./kinds.js";
import { LINEAGE_CODEC, type LineageRecord, lineageCell } from "./lineage-record.js";
import type { ChannelEntry } from "./manifest.js";
import { headersUnder, recordsUnder } from "./paging.js";
import type { CheckpointRecords } from "./records.js";
import { markRemoval, type RemovalMark, removeUnchanged } from "./removing.js";
import { ValuePool } from "./value-pool.js";

/**
 * Removes the values of a pool that no checkpoint uses. In this order: the removals are marked, the values listed, the
 * checkpoints read. A value that comes into use later is either written again, which changes its event, or taken over from a
 * checkpoint that exists. Returns how many were removed.
 */
export async function sweepPool<V, Input>(
  records: CheckpointRecords<V, Input>,
  owner: SessionIdentity,
  pool: string,
  options: CallOptions,
): Promise<number> {
  const { store } = records;
  const mark = markRemoval(owner, pool);
  await commitWithRetries(store, [mark.change], { signal: options.signal, repeatable: true });
  const kinds = poolKinds(pool);
  const values: RecordHeader[] = [];
  for await (const page of headersUnder(records.store, owner, kinds.values, options)) values.push(...page);
  const lineages = await lineagesOf(records, owner, pool, options);
  if (lineages.length === 0) return erasePool(store, owner, pool, mark.guard, options);
  const used = await usedKeys(records, owner, { pool, lineages }, mark.guard, options);
  if (used === undefined) return 0;
  const unused = values.filter(({ kind }) => !used.has(kind.slice(kinds.values.length)));
  const at = new ValuePool(store, owner, kinds);
  const removals = unused.map(({ kind, eventId: seen }) => at.removal(kind.slice(kinds.values.length), seen));
  return (await removeUnchanged(store, removals, [mark.guard], options)).removed;
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

/** The keys of all values that checkpoints use; `undefined` if a checkpoint was removed meanwhile. CORRUPT. */
async function usedKeys<V, Input>(
  records: CheckpointRecords<V, Input>,
  owner: SessionIdentity,
  { pool, lineages }: { readonly pool: string; readonly lineages: readonly LineageRecord[] },
  lastRemoval: RemovalMark["guard"],
  options: CallOptions,
): Promise<ReadonlySet<string> | undefined> {
  const used = new Set<string>();
  const nodes = new Set<string>();
  const values = records.pool({ owner }, { pool });
  for (const { name } of lineages)
    for await (const page of recordsUnder(records.store, owner, checkpointsOf(name), options))
      for (const stored of page) {
        const record = await decodeRecord(CHECKPOINT_CODEC, stored);
        for (const key of keysIn(record.own)) used.add(key);
        for (const { key } of record.nodes) nodes.add(key);
      }
  for (const node of nodes) {
    const entries = await records.node(values, node, options);
    if (entries === undefined) {
      const { identity, kind } = lastRemoval;
      const last = await records.store.find(identity, kind, options);
      if (last?.eventId !== lastRemoval.expect) return undefined;
      throw corruptRecord(values.cell(node), "a value of a checkpoint is missing");
    }
    used.add(node);
    for (const key of keysIn(entries)) used.add(key);
  }
  return used;
}

function keysIn(entries: readonly ChannelEntry[]): string[] {
  return entries.flatMap(([, state]) => (state == null || state.key === null ? [] : [state.key]));
}
