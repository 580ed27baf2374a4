import type { CallOptions } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { type Cell, cellAt, decodeRecord } from "../typed/cell.js";
import type { Codec } from "../typed/codec.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import type { CheckpointRef } from "./checkpoint.js";
import { CHECKPOINT_CODEC } from "./checkpoint-record.js";
import { lineageExists, noSuchCheckpoint } from "./errors.js";
import { checkpointEventId, checkpointsOf, numberOf, type Place, writesFor } from "./kinds.js";
import { type LineageRecord, lineageCell } from "./lineage-record.js";
import type { CheckpointRecords, FoundCheckpoint, FoundLineage } from "./records.js";
import { commitBytes } from "./stored-value.js";

/** What to copy, as it was read. */
export interface ForkInput {
  readonly place: Place;
  /** Everything that was put up to this checkpoint. Absent: everything. */
  readonly upTo?: CheckpointRef["id"];
  readonly to: string;
}

const COPIES_AT_ONCE = 50;

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
  const found = upTo === undefined ? undefined : await records.find(place, upTo, options);
  if (upTo !== undefined && found === undefined) throw noSuchCheckpoint();
  const begun = await begin(records, input, found?.number, options);
  if (begun.copied === undefined) return { duplicate: true };
  for (let target: LineageRecord | undefined = begun; target !== undefined; )
    target = await copyMore(records, place, to, target, options);
  return { duplicate: false };
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

/** Copies the next checkpoints. Returns the lineage as it is then; `undefined` once it is whole. */
async function copyMore<V, Input>(
  records: CheckpointRecords<V, Input>,
  { owner, lineage }: Place,
  to: string,
  { origin, copied }: LineageRecord,
  options: CallOptions,
): Promise<LineageRecord | undefined> {
  if (origin === undefined || copied === undefined) return undefined;
  const source = await records.lineage(owner, lineage, options);
  const page = await records.store.list(owner, checkpointsOf(lineage), {
    ...(copied !== "" && { after: copied }),
    ...options,
    limit: COPIES_AT_ONCE,
  });
  const originals = page.filter(({ kind }) => numberOf(kind) <= origin.upTo);
  const target = lineageCell(owner, to);
  const copies: { readonly from: FoundCheckpoint; readonly to: Place }[] = [];
  for (const stored of source === undefined ? [] : originals) {
    const { namespace } = await decodeRecord(CHECKPOINT_CODEC, stored);
    const from = await records.open({ owner, lineage, namespace }, (source as FoundLineage).record, stored);
    const copy = { from, to: { owner, lineage: to, namespace } };
    await copyPending(records, copy, target, options);
    copies.push(copy);
  }
  return transact(
    records.store,
    async (transaction) => {
      const record = await stillCopied(transaction, target, origin.copy);
      // Another call has gone on with this fork.
      if (record.copied !== copied) return record;
      for (const { from, to: place } of copies) {
        // The commit depends on the original, so no value is shared that is not in use. It may be gone by now.
        const original = await transaction.get(records.cell(from.place, from.number));
        const eventId = checkpointEventId(place, from.id, origin.copy);
        if (original !== undefined)
          await transaction.create(records.cell(place, from.number), original, eventId);
      }
      const { copied: _, ...whole } = record;
      const next = page.length < COPIES_AT_ONCE ? whole : { ...record, copied: page.at(-1)?.kind ?? copied };
      await transaction.set(target, next);
      return "copied" in next ? next : undefined;
    },
    { ...options, repeatable: true, turn: target },
  );
}

/** Copies what is pending for a checkpoint, a part in each commit. */
async function copyPending<V, Input>(
  { store }: CheckpointRecords<V, Input>,
  { from, to }: { readonly from: FoundCheckpoint; readonly to: Place },
  target: Cell<LineageRecord>,
  options: CallOptions,
): Promise<void> {
  const { place, id } = from;
  const prefix = writesFor(place, id);
  const limit = Math.max(1, Math.floor(commitBytes(store.limits) / store.limits.maxBytes));
  for (let after: { readonly after?: string } = {}; ; ) {
    const page = await store.list(place.owner, prefix, { ...after, ...options, limit });
    if (page.length === 0) return;
    const copy = async (transaction: Transaction) => {
      if ((await transaction.get(target)) === undefined) throw noSuchCheckpoint("lineage");
      for (const { kind, bytes, version } of page) {
        const there = writesFor(to, id) + kind.slice(prefix.length);
        await transaction.set(cellAt(place.owner, there, { ...AS_IT_IS, version }), bytes);
      }
    };
    await transact(store, copy, { ...options, repeatable: true });
    if (page.length < limit) return;
    after = { after: page.at(-1)?.kind as string };
  }
}

/** NOT_FOUND if the fork was deleted meanwhile. */
async function stillCopied(
  transaction: Transaction,
  target: Cell<LineageRecord>,
  copy: string,
): Promise<LineageRecord> {
  const record = await transaction.get(target);
  if (record?.origin?.copy === copy) return record;
  throw noSuchCheckpoint("lineage");
}
