import { isStateError } from "../contract/errors.js";
import type { CallOptions, Change, RecordHeader } from "../contract/store.js";
import { jitteredPause } from "../timing/backoff.js";
import { sleep } from "../timing/real-timers.js";
import { cellKey } from "../typed/cell.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { runExclusive } from "../typed/mutex.js";
import { digestOf } from "../typed/names.js";
import { changedAllTheTime } from "./errors.js";
import { KeptCheckpoints } from "./kept.js";
import { checkpointsOf, idIn, type Place, pendingKinds, writesOf } from "./kinds.js";
import { lineageCell } from "./lineage-record.js";
import { headersUnder } from "./paging.js";
import type { CheckpointRecords } from "./records.js";
import { markRemoval, type Removal, removeUnchanged } from "./removing.js";
import { removeAbandonedUploads, sweepPool } from "./sweep.js";
import { ValuePool } from "./value-pool.js";

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

const AT_ONCE = 200;
const MAX_ATTEMPTS = 50;
/** So often other writers may be faster before those of this process have to wait. */
const PATIENCE = 3;
const BACKOFF = { baseMs: 2, mostMs: 100, random: Math.random };

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
  const values = found === undefined ? 0 : await sweepPool(records, owner, found.record.pool, options);
  return { checkpoints, values };
}

/** Removes the checkpoints that are not kept. The lineage must not have changed between the choice and the commit. */
async function removeOld<V, Input>(
  records: CheckpointRecords<V, Input>,
  { place, namespace, keep }: PruneInput,
  options: CallOptions,
): Promise<number> {
  const { store } = records;
  const cell = lineageCell(place.owner, place.lineage);
  const kept = new KeptCheckpoints(records, place, { keep, ...(namespace !== undefined && { namespace }) });
  let removed = 0;
  const removeBatch = async (): Promise<"done" | "more" | "outdated"> => {
    const lineage = await records.lineage(place.owner, place.lineage, options);
    if (lineage === undefined) return "done";
    const doomed = await kept.others(lineage.eventId, options);
    const batch = doomed.slice(0, AT_ONCE);
    if (batch.length === 0) return "done";
    const mark = markRemoval(place.owner, lineage.record.pool);
    const changes: Change[] = [
      lineage.unchanged,
      mark.change,
      ...batch.flatMap((header) => removalOf(place, header)),
    ];
    try {
      await commitWithRetries(store, changes, { signal: options.signal, repeatable: true });
    } catch (error) {
      if (!isStateError(error, "CONDITION_FAILED")) throw error;
      // Another prune leaves the lineage as it is, so its event does not tell that checkpoints are gone.
      kept.outdate();
      return "outdated";
    }
    removed += batch.length;
    kept.forget(batch);
    return "more";
  };
  for (let failures = 0; ; ) {
    options.signal?.throwIfAborted();
    // Writers of this process wait for their turn, so after some failures only other processes can be faster.
    const work =
      failures < PATIENCE ? removeBatch() : runExclusive(store, cellKey(cell), options.signal, removeBatch);
    const result = await work;
    if (result === "done") return removed;
    failures = result === "more" ? 0 : failures + 1;
    if (failures === MAX_ATTEMPTS) throw changedAllTheTime();
    if (failures > 0) await sleep(jitteredPause(failures, BACKOFF), options.signal);
  }
}

/** A checkpoint goes with everything that is pending for it. */
function removalOf({ owner, lineage }: Place, { kind, eventId }: RecordHeader): Change[] {
  const prefix = writesOf(lineage) + pathOf(lineage, { kind, eventId });
  return [
    { op: "delete", identity: owner, kind, expect: eventId },
    { op: "erase", identity: owner, prefix },
  ];
}

/** Removes what is pending for checkpoints that do not exist, once it is old: a checkpoint may come after its writes. */
async function removeOrphanedWrites<V, Input>(
  records: CheckpointRecords<V, Input>,
  { owner, lineage }: Place,
  before: number,
  options: CallOptions,
): Promise<void> {
  const { store } = records;
  const found = await records.lineage(owner, lineage, options);
  const pending = new Map<string, RecordHeader[]>();
  const prefix = writesOf(lineage);
  for await (const page of headersUnder(store, owner, prefix, options))
    for (const header of page) {
      const path = `${header.kind.slice(prefix.length).split("/", 2).join("/")}/`;
      const there = pending.get(path) ?? [];
      pending.set(path, there);
      there.push(header);
    }
  for await (const page of headersUnder(store, owner, checkpointsOf(lineage), options))
    for (const header of page) pending.delete(pathOf(lineage, header));
  const removals = [...pending].flatMap(([path, headers]) =>
    headers.every(({ updatedAt }) => updatedAt.getTime() <= before)
      ? pendingRemovals(new ValuePool(store, owner, pendingKinds(prefix + path)), prefix + path, headers)
      : [],
  );
  // A checkpoint that is put meanwhile changes its lineage, and keeps its writes.
  const { identity, kind } = lineageCell(owner, lineage);
  const guard = found?.unchanged ?? ({ op: "check", identity, kind, expect: null } as const);
  await removeUnchanged(store, removals, [guard], options);
}

/** The writes first, then their large values. What a task has written since then stays, with its large values. */
function pendingRemovals(pool: ValuePool, prefix: string, headers: readonly RecordHeader[]): Removal[] {
  const { writes, values } = pendingKinds(prefix);
  return [
    ...headers
      .filter(({ kind }) => kind.startsWith(writes))
      .map(({ identity, kind, eventId: expect }): Removal => [{ op: "delete", identity, kind, expect }]),
    ...headers
      .filter(({ kind }) => kind.startsWith(values))
      .map(({ kind, eventId }) => pool.removal(kind.slice(values.length), eventId)),
  ];
}

/** The digests of the namespace and of the id of a checkpoint, as they stand before its writes. */
function pathOf(lineage: string, { kind, eventId }: Pick<RecordHeader, "kind" | "eventId">): string {
  const namespace = kind.slice(checkpointsOf(lineage).length).split("/", 1)[0] as string;
  return `${namespace}/${digestOf(idIn(eventId))}/`;
}
