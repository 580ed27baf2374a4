import { commitBytes } from "../content/keyed-value.js";
import { inCommits, nextSize } from "../content/paging.js";
import { isStateError } from "../contract/errors.js";
import type { CallOptions } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { type Cell, decodeRecord } from "../typed/cell.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import type { CheckpointRef } from "./checkpoint.js";
import { CHECKPOINT_CODEC } from "./checkpoint-record.js";
import { type Copy, copyPending } from "./copy-pending.js";
import { deleteLineage } from "./deleting.js";
import { lineageExists, noSuchCheckpoint } from "./errors.js";
import { checkpointEventId, checkpointsOf, endOfNamespace, numberOf, type Place } from "./kinds.js";
import { type LineageRecord, lineageCell, type Origin } from "./lineage-record.js";
import type { CheckpointRecords } from "./records.js";

/** What to copy, as it was read. */
export interface ForkInput {
  readonly place: Place;
  /** Everything that was put up to this checkpoint. Absent: everything. */
  readonly upTo?: CheckpointRef["id"];
  readonly to: string;
}

/** So many checkpoints are copied in the first commit; in the next ones more, if they are small. */
const FIRST_AT_ONCE = 50;
const MOST_AT_ONCE = 500;

/**
 * Copies the checkpoints of a lineage, with what is pending for them; their values are shared. The copy is seen when it is
 * whole. An interrupted fork is gone on with by the same call. Returns whether it had been made before. NOT_FOUND,
 * ALREADY_EXISTS.
 */
export async function forkLineage<V, Input>(
  records: CheckpointRecords<V, Input>,
  input: ForkInput,
  options: CallOptions,
): Promise<{ readonly duplicate: boolean }> {
  const { place, to, upTo } = input;
  const { owner } = place;
  const last = upTo === undefined ? undefined : await lastToCopy(records, { ...input, upTo }, options);
  const begun = await begin(records, input, last, options);
  const { origin, copied } = begun;
  if (copied === undefined || origin === undefined) return { duplicate: true };
  try {
    for (let at = standing(begun, FIRST_AT_ONCE); at !== undefined; )
      at = await copyMore(records, { ...input, origin }, at, options);
  } catch (error) {
    // The copy would never be whole.
    if (isStateError(error, "NOT_FOUND"))
      await deleteLineage(records, owner, to, options, (there) => isCopying(there, origin));
    throw error;
  }
  return { duplicate: false };
}

/** The number of the last checkpoint to copy. NOT_FOUND, unless an earlier call has copied it. */
async function lastToCopy<V, Input>(
  records: CheckpointRecords<V, Input>,
  { place, to, upTo }: ForkInput & { readonly upTo: string },
  options: CallOptions,
): Promise<number> {
  const found = await records.find(place, upTo, options);
  if (found !== undefined) return found.number;
  const copy = await records.find({ ...place, lineage: to }, upTo, options);
  if (copy === undefined || copy.lineage.origin?.lineage !== place.lineage) throw noSuchCheckpoint();
  return copy.number;
}

/** Makes the hidden lineage, or finds the one of an earlier call. */
async function begin<V, Input>(
  { store, now }: CheckpointRecords<V, Input>,
  { place, to }: ForkInput,
  upTo: number | undefined,
  options: CallOptions,
): Promise<LineageRecord> {
  const { owner, lineage } = place;
  const [from, target] = [lineageCell(owner, lineage), lineageCell(owner, to)];
  return transact(
    store,
    async (transaction) => {
      const [source, there] = await Promise.all([transaction.get(from), transaction.get(target)]);
      if (there !== undefined) {
        const isSame = there.origin?.lineage === lineage && (upTo ?? there.origin.upTo) === there.origin.upTo;
        if (!isSame) throw lineageExists();
        return there;
      }
      if (source === undefined || source.copied !== undefined) throw noSuchCheckpoint("lineage");
      const last = upTo ?? source.next - 1;
      const origin = { lineage, upTo: last, copy: newEventId() };
      const { pool } = source;
      const fork = { name: to, pool, next: last + 1, createdAt: now(), shared: true, origin, copied: "" };
      await transaction.set(target, fork);
      if (!source.shared) await transaction.set(from, { ...source, shared: true });
      return fork;
    },
    { ...options, repeatable: true, turn: from },
  );
}

/** A fork that has begun. */
interface BegunFork extends ForkInput {
  readonly origin: Origin;
}

/** Where a fork stands. */
interface Copying {
  /** The last kind of the origin that was copied; empty before the first. */
  readonly copied: string;
  /** How many checkpoints to copy next. */
  readonly size: number;
}

/**
 * Copies the next checkpoints, those after a kind of the origin. Returns where the fork stands then; `undefined` once it is
 * whole. NOT_FOUND if the lineage, its copy or the checkpoint that was asked for is gone.
 */
async function copyMore<V, Input>(
  records: CheckpointRecords<V, Input>,
  fork: BegunFork,
  { copied, size }: Copying,
  options: CallOptions,
): Promise<Copying | undefined> {
  const { place, to, upTo, origin } = fork;
  const { owner, lineage, namespace } = place;
  const listed = await records.store.list(owner, checkpointsOf(lineage), {
    ...(copied !== "" && { after: copied }),
    ...options,
    limit: size,
  });
  const [page = []] = inCommits(listed, commitBytes(records.store.limits));
  const isLast = listed.length < size && page.length === listed.length;
  const end = page.at(-1)?.kind ?? copied;
  // The rest of a namespace was put later than what is copied.
  const through = numberOf(end) > origin.upTo ? endOfNamespace(end) : end;
  const following = Math.min(nextSize(size, listed), MOST_AT_ONCE);
  const source = await records.lineage(owner, lineage, options);
  if (source === undefined) throw noSuchCheckpoint("lineage");
  const target = lineageCell(owner, to);
  const copies: Copy[] = [];
  for (const stored of page.filter(({ kind }) => numberOf(kind) <= origin.upTo)) {
    const own = (await decodeRecord(CHECKPOINT_CODEC, stored)).namespace;
    const from = await records.open({ owner, lineage, namespace: own }, source.record, stored);
    copies.push({ from, to: { owner, lineage: to, namespace: own } });
  }
  // Another call may have gone on with this fork, so tasks may have written to it.
  const isNext = async (transaction: Transaction) =>
    (await stillCopied(transaction, target, origin)).copied === copied;
  await copyPending(records.store, copies, isNext, options);
  const copyAll = transact(
    records.store,
    async (transaction) => {
      const record = await stillCopied(transaction, target, origin);
      // Another call has gone on with this fork, or has ended it.
      if (record.copied !== copied) return standing(record, following);
      await Promise.all(
        copies.map(async ({ from, to: place }) => {
          // The commit depends on the original, so no value is shared that is not in use. It may be gone by now.
          const original = await transaction.get(records.cell(from.place, from.number));
          const eventId = checkpointEventId(place, from.id, origin.copy);
          if (original !== undefined)
            await transaction.create(records.cell(place, from.number), original, eventId);
        }),
      );
      // Read after the originals: those of a new lineage of this name have other values.
      const now = await transaction.peek(lineageCell(owner, lineage));
      if (now?.pool !== record.pool) throw noSuchCheckpoint("lineage");
      const { copied: _, ...whole } = record;
      const next = isLast ? whole : { ...record, copied: through };
      await transaction.set(target, next);
      if ("copied" in next) return standing(next, following);
      const last = records.cell({ owner, lineage: to, namespace }, origin.upTo);
      if (upTo !== undefined && (await transaction.get(last)) === undefined) throw noSuchCheckpoint();
      return undefined;
    },
    { ...options, repeatable: true, turn: target },
  );
  return copyAll.catch(async (error: unknown) => {
    if (!isStateError(error, "IDEMPOTENCY_CONFLICT")) throw error;
    // Another call was faster with the same copies, whose event ids the store judges before anything else.
    const now = (await records.lineage(owner, to, options, true))?.record;
    if (now?.origin?.copy !== origin.copy) throw noSuchCheckpoint("lineage");
    if (now.copied === copied) throw error;
    return standing(now, following);
  });
}

/** NOT_FOUND if the fork was deleted meanwhile. */
async function stillCopied(
  transaction: Transaction,
  target: Cell<LineageRecord>,
  { copy }: Origin,
): Promise<LineageRecord> {
  const record = await transaction.get(target);
  if (record?.origin?.copy === copy) return record;
  throw noSuchCheckpoint("lineage");
}

function standing({ copied }: LineageRecord, size: number): Copying | undefined {
  return copied === undefined ? undefined : { copied, size };
}

function isCopying({ origin, copied }: LineageRecord, { copy }: Origin): boolean {
  return copied !== undefined && origin?.copy === copy;
}
