import { isStateError } from "../contract/errors.js";
import type { CallOptions, StateRecord } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { type Cell, cellAt, decodeRecord } from "../typed/cell.js";
import type { Codec } from "../typed/codec.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import type { CheckpointRef } from "./checkpoint.js";
import { CHECKPOINT_CODEC } from "./checkpoint-record.js";
import { deleteLineage } from "./deleting.js";
import { lineageExists, noSuchCheckpoint } from "./errors.js";
import { checkpointEventId, checkpointsOf, numberOf, type Place, pendingKinds, writesFor } from "./kinds.js";
import { type LineageRecord, lineageCell, type Origin } from "./lineage-record.js";
import { recordsUnder } from "./paging.js";
import type { CheckpointRecords, FoundCheckpoint } from "./records.js";
import { commitBytes } from "./stored-value.js";

/** What to copy, as it was read. */
export interface ForkInput {
  readonly place: Place;
  /** Everything that was put up to this checkpoint. Absent: everything. */
  readonly upTo?: CheckpointRef["id"];
  readonly to: string;
}

const COPIES_AT_ONCE = 50;
const WRITES_AT_ONCE = 100;
const CHUNKS_AT_ONCE = 4;

/** The codec of bytes that are copied as they are. */
const AS_IT_IS: Codec<Uint8Array> = { version: 0, encode: (bytes) => bytes, decode: (bytes) => bytes };

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
    for (let target: LineageRecord | undefined = begun; target !== undefined; )
      target = await copyMore(records, { ...input, origin }, target.copied ?? "", options);
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

/**
 * Copies the next checkpoints, those after a kind of the origin. Returns the lineage as it is then; `undefined` once it is
 * whole. NOT_FOUND if the lineage, its copy or the checkpoint that was asked for is gone.
 */
async function copyMore<V, Input>(
  records: CheckpointRecords<V, Input>,
  fork: BegunFork,
  copied: string,
  options: CallOptions,
): Promise<LineageRecord | undefined> {
  const { place, to, upTo, origin } = fork;
  const { owner, lineage, namespace } = place;
  const listed = await records.store.list(owner, checkpointsOf(lineage), {
    ...(copied !== "" && { after: copied }),
    ...options,
    limit: COPIES_AT_ONCE,
  });
  const [page = []] = inCommits(listed, commitBytes(records.store.limits));
  const isLast = listed.length < COPIES_AT_ONCE && page.length === listed.length;
  const source = await records.lineage(owner, lineage, options);
  if (source === undefined) throw noSuchCheckpoint("lineage");
  const target = lineageCell(owner, to);
  const copies: { readonly from: FoundCheckpoint; readonly to: Place }[] = [];
  for (const stored of page.filter(({ kind }) => numberOf(kind) <= origin.upTo)) {
    const own = (await decodeRecord(CHECKPOINT_CODEC, stored)).namespace;
    const from = await records.open({ owner, lineage, namespace: own }, source.record, stored);
    const copy = { from, to: { owner, lineage: to, namespace: own } };
    await copyPending(records, copy, { ...fork, copied }, options);
    copies.push(copy);
  }
  const copyAll = transact(
    records.store,
    async (transaction) => {
      const record = await stillCopied(transaction, target, origin);
      // Another call has gone on with this fork, or has ended it.
      if (record.copied !== copied) return record.copied === undefined ? undefined : record;
      for (const { from, to: place } of copies) {
        // The commit depends on the original, so no value is shared that is not in use. It may be gone by now.
        const original = await transaction.get(records.cell(from.place, from.number));
        const eventId = checkpointEventId(place, from.id, origin.copy);
        if (original !== undefined)
          await transaction.create(records.cell(place, from.number), original, eventId);
      }
      // Read after the originals: those of a new lineage of this name have other values.
      const now = await transaction.peek(lineageCell(owner, lineage));
      if (now?.pool !== record.pool) throw noSuchCheckpoint("lineage");
      const { copied: _, ...whole } = record;
      const next = isLast ? whole : { ...record, copied: page.at(-1)?.kind ?? copied };
      await transaction.set(target, next);
      if ("copied" in next) return next;
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
    return now.copied === undefined ? undefined : now;
  });
}

/**
 * Copies what is pending for a checkpoint, a part in each commit: the writes before the large values that they name, because
 * a task may write meanwhile.
 */
async function copyPending<V, Input>(
  { store }: CheckpointRecords<V, Input>,
  { from, to }: { readonly from: FoundCheckpoint; readonly to: Place },
  { origin, copied }: BegunFork & { readonly copied: string },
  options: CallOptions,
): Promise<void> {
  const { place, id } = from;
  const [before, after] = [writesFor(place, id), writesFor(to, id)];
  const target = lineageCell(place.owner, to.lineage);
  const { writes, values, chunks } = pendingKinds(before);
  const parts = { [writes]: WRITES_AT_ONCE, [values]: WRITES_AT_ONCE, [chunks]: CHUNKS_AT_ONCE };
  for (const [prefix, size] of Object.entries(parts))
    for await (const page of recordsUnder(store, place.owner, prefix, options, size))
      for (const records of inCommits(page, commitBytes(store.limits))) {
        const copy = async (transaction: Transaction) => {
          const record = await stillCopied(transaction, target, origin);
          // Another call has gone on with this fork, so tasks may have written to it.
          if (record.copied !== copied) return;
          for (const { kind, bytes, version } of records) {
            const there = after + kind.slice(before.length);
            await transaction.set(cellAt(place.owner, there, { ...AS_IT_IS, version }), bytes);
          }
        };
        await transact(store, copy, { ...options, repeatable: true });
      }
}

/** Parts of a page that fit into one commit each. */
function* inCommits(page: readonly StateRecord[], mostBytes: number): Generator<StateRecord[]> {
  let part: StateRecord[] = [];
  let size = 0;
  for (const record of page) {
    if (part.length > 0 && size + record.bytes.length > mostBytes) {
      yield part;
      part = [];
      size = 0;
    }
    part.push(record);
    size += record.bytes.length;
  }
  if (part.length > 0) yield part;
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

function isCopying({ origin, copied }: LineageRecord, { copy }: Origin): boolean {
  return copied !== undefined && origin?.copy === copy;
}
