import { encodeValue, isLarge, type KeyedValue, keyValues } from "../content/keyed-value.js";
import { Outdated, whileOutdated } from "../content/outdated.js";
import type { UploadOptions } from "../content/upload.js";
import { ValuePool } from "../content/value-pool.js";
import { invalid, isStateError } from "../contract/errors.js";
import type { CallOptions, Change } from "../contract/store.js";
import { corruptRecord } from "../typed/cell.js";
import type { InputReader } from "../typed/input-reader.js";
import type { Operation } from "../typed/operation.js";
import { mapInSlices } from "../typed/slices.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import { lineageExists, noSuchCheckpoint, OtherWrite, otherCheckpoint } from "./errors.js";
import { checkpointsIn, type Place, pendingKinds, writesFor } from "./kinds.js";
import { type KnownPut, keyOfPut, knownPuts } from "./known-puts.js";
import { type LineageRecord, lineageCell } from "./lineage-record.js";
import type { CheckpointInput } from "./new-checkpoint.js";
import { contentOfInput, type PreparedPut, preparePut } from "./prepared.js";
import { CheckpointRecords, type FoundCheckpoint } from "./records.js";
import { storeSeenBy } from "./seen-by.js";
import { mostHeaderBytes, type PreparedPending, type WritesInput, writeIn } from "./writes.js";

/** What a call puts: a checkpoint, pending writes, or both. */
export interface PutInput {
  readonly checkpoint?: CheckpointInput;
  readonly pending?: { readonly of: string; readonly writes: readonly WritesInput[] };
}

/** What became of it. */
export interface PutResult {
  /** The id of the checkpoint: the caller's, or the one that was made. */
  readonly id: string;
  /** The checkpoint and all the writes were there. */
  readonly duplicate: boolean;
}

/** A put of which only the commit is left. */
export interface Prepared {
  readonly put?: PreparedPut;
  readonly pending?: PreparedPending;
}

/** Puts checkpoints and pending writes. */
export class Puts<V, Input> {
  readonly #records: CheckpointRecords<V, Input>;
  readonly #known = knownPuts();
  /** What reads the input of a put, which the caller does. */
  readonly inputs: InputReader;

  constructor(records: CheckpointRecords<V, Input>, inputs: InputReader) {
    this.#records = records;
    this.inputs = inputs;
  }

  /** Large values are written first, then everything else in one commit. IDEMPOTENCY_CONFLICT, NOT_FOUND. */
  async put(place: Place, input: PutInput, options: CallOptions): Promise<PutResult> {
    const repeatable = input.checkpoint === undefined || input.checkpoint.id !== undefined;
    return whileOutdated(async () => {
      try {
        const { parent } = input.checkpoint ?? {};
        const known = parent === undefined ? undefined : this.#known.take(keyOfPut(place, parent));
        const prepared = await this.prepare(place, input, options, known);
        return await this.#commit(place, await this.#upload(place, prepared, options), {
          ...options,
          repeatable,
        });
      } catch (error) {
        return await this.#resultOfEarlier(place, input, error, options);
      }
    });
  }

  /** The same as part of a unit: reads and writes through its transaction alone, and uploads nothing. */
  putting(place: Place, input: PutInput): Operation<PutResult> {
    const { id } = input.checkpoint ?? {};
    return {
      turn: lineageCell(place.owner, place.lineage),
      repeatable: input.checkpoint === undefined || id !== undefined,
      apply: async (transaction) => {
        const { store, codec, now } = this.#records;
        const records = new CheckpointRecords(storeSeenBy(transaction, store), codec, now);
        return new Puts(records, this.inputs).#putIn(transaction, place, input);
      },
    };
  }

  async #putIn(transaction: Transaction, place: Place, input: PutInput): Promise<PutResult> {
    const { checkpoint, pending } = input;
    const there =
      checkpoint?.id === undefined ? undefined : await this.#records.find(place, checkpoint.id, {});
    if (there !== undefined && checkpoint !== undefined) {
      await this.#requireSame(there, checkpoint);
      if (pending === undefined) return { id: there.id, duplicate: true };
    }
    const left = there === undefined || pending === undefined ? input : { pending };
    return whileOutdated(async () => {
      const prepared = await this.prepare(place, left, {});
      if (!fitsOneCommit(prepared))
        throw invalid("values", "small enough for one commit; put larger ones alone");
      return this.commitIn(transaction, place, prepared);
    });
  }

  async prepare(
    place: Place,
    { checkpoint, pending }: PutInput,
    options: CallOptions,
    known?: KnownPut,
  ): Promise<Prepared> {
    const [put, tasks] = await Promise.all([
      checkpoint && preparePut(this.#records, place, checkpoint, known, options),
      pending && this.#encodeWrites(pending.writes),
    ]);
    if (pending === undefined || tasks === undefined) return put === undefined ? {} : { put };
    const pool = new ValuePool(this.#records.store, place.owner, pendingKinds(writesFor(place, pending.of)));
    return { ...(put && { put }), pending: { id: pending.of, pool, tasks } };
  }

  /** Writes what was prepared, as part of a commit. Throws `Outdated`. */
  async commitIn(
    transaction: Transaction,
    place: Place,
    { put, pending }: Prepared,
    done?: (put: PreparedPut, lineage: LineageRecord) => Promise<void>,
  ): Promise<PutResult> {
    if (put !== undefined) {
      const lineage = await this.#putPrepared(transaction, put);
      await done?.(put, lineage);
    }
    const written = pending === undefined ? 0 : await writeIn(transaction, place, pending);
    return { id: put?.id ?? pending?.id ?? "", duplicate: put === undefined && written === 0 };
  }

  /** Returns the lineage as it is then. */
  async #putPrepared(transaction: Transaction, put: PreparedPut): Promise<LineageRecord> {
    const { place, base, values, record, eventId } = put;
    const records = this.#records;
    const cell = lineageCell(place.owner, place.lineage);
    const lineage = await transaction.get(cell);
    if (lineage?.copied !== undefined) throw lineageExists();
    // Another call has created the lineage, or it was deleted and created again.
    if (lineage !== undefined && lineage.pool !== put.pool) throw new Outdated();
    if (lineage === undefined && !put.isNew) throw new Outdated();
    const before = lineage ?? newLineage(place, put.pool, record.at);
    // Whoever removes a checkpoint looks for values in use afterwards. So a checkpoint that takes over values is committed
    // while the one that has them exists.
    if (base !== undefined && (await transaction.get(records.cell(place, base.number))) === undefined)
      throw new Outdated();
    if (before.origin !== undefined && (await this.#isCopied(put))) throw otherCheckpoint();
    const pool = records.pool(place, before);
    const after = { ...before, next: before.next + 1 };
    await transaction.set(cell, after);
    const own = records.cell(place, before.next);
    await transaction.create(own, record, eventId);
    // The store knows the id of a checkpoint that is gone.
    transaction.explain(own, (error) =>
      isStateError(error, "IDEMPOTENCY_CONFLICT") ? noSuchCheckpoint() : error,
    );
    await mapInSlices(values, (value) => pool.use(transaction, value));
    return after;
  }

  /** The first attempt takes what was read before for what is there still. If it is not, the commit fails, and the next one reads. */
  async #commit(
    place: Place,
    prepared: Prepared,
    options: CallOptions & { readonly repeatable: boolean },
  ): Promise<PutResult> {
    const turn = lineageCell(place.owner, place.lineage);
    let assumed = prepared.put;
    let known: KnownPut | undefined;
    const result = await transact(
      this.#records.store,
      (transaction) => {
        if (assumed !== undefined) this.#assume(transaction, assumed);
        assumed = undefined;
        return this.commitIn(transaction, place, prepared, async (put, lineage) => {
          known = await this.#knownIn(transaction, put, lineage);
        });
      },
      { ...options, turn },
    );
    if (known !== undefined) this.#known.put(keyOfPut(place, result.id), known);
    return result;
  }

  #assume(transaction: Transaction, { place, base, storedLineage }: PreparedPut): void {
    if (storedLineage !== undefined)
      transaction.assume(lineageCell(place.owner, place.lineage), storedLineage);
    if (base !== undefined) transaction.assume(this.#records.cell(place, base.number), base.stored);
  }

  /** What the next put may go on with, once this one is committed. */
  async #knownIn(
    transaction: Transaction,
    { place, id, eventId, record, channels }: PreparedPut,
    lineage: LineageRecord,
  ): Promise<KnownPut | undefined> {
    const number = lineage.next - 1;
    const [storedLineage, stored] = await Promise.all([
      transaction.recordOf(lineageCell(place.owner, place.lineage)),
      transaction.recordOf(this.#records.cell(place, number)),
    ]);
    if (storedLineage === undefined || stored === undefined) return undefined;
    return {
      lineage: storedLineage,
      checkpoint: { place, lineage, id, number, record, eventId, stored },
      channels,
    };
  }

  /** Whether a fork has a checkpoint of this id that was copied into it. */
  async #isCopied({ place, id }: PreparedPut): Promise<boolean> {
    return (await this.#records.find(place, id, {})) !== undefined;
  }

  /** Writes what does not fit into the commit. Returns what is left. */
  async #upload(place: Place, prepared: Prepared, options: CallOptions): Promise<Prepared> {
    const { put, pending } = prepared;
    const now = this.#records.now();
    const large = put?.values.filter(isLarge) ?? [];
    let values = put?.values ?? [];
    if (put !== undefined && large.length > 0) {
      await this.#ensureLineage(put, options);
      const pool = this.#records.pool(place, put);
      // The lineage may be deleted at any time, with what was uploaded. Then nothing more may come into its pool.
      const mayBegin = async (): Promise<Change> => {
        const lineage = await this.#records.lineage(place.owner, place.lineage, options);
        if (lineage?.record.pool !== put.pool) throw new Outdated();
        return lineage.unchanged;
      };
      values = await uploaded(pool, put.values, now, { ...options, mayBegin });
    }
    return {
      ...(put && {
        put: large.length === 0 ? put : { ...put, values, isNew: false, storedLineage: undefined },
      }),
      ...(pending && { pending: await uploadedPending(pending, now, options) }),
    };
  }

  /** Uploads of a lineage that has no record would be found by nobody who tidies it. */
  async #ensureLineage({ place, pool, record, isNew }: PreparedPut, options: CallOptions): Promise<void> {
    const cell = lineageCell(place.owner, place.lineage);
    const found = await transact(
      this.#records.store,
      async (transaction) => {
        const lineage = await transaction.get(cell);
        if (lineage === undefined && !isNew) throw new Outdated();
        if (lineage === undefined) await transaction.set(cell, newLineage(place, pool, record.at));
        return lineage;
      },
      { ...options, repeatable: true, turn: cell },
    );
    if (found !== undefined && found.pool !== pool) throw new Outdated();
  }

  async #encodeWrites(all: readonly WritesInput[]): Promise<PreparedPending["tasks"]> {
    const { codec, store } = this.#records;
    const encoded = await Promise.all(
      all.map((input) =>
        mapInSlices(input.writes, async (write) => ({
          ...(await encodeValue(codec, write.value as Input, "writes")),
          header: mostHeaderBytes(input, write.channel),
        })),
      ),
    );
    const keyed = keyValues(encoded.flat(), store.limits, ({ header }) => header);
    const next = keyed.values();
    return all.map((input) => ({
      input,
      writes: input.writes.map(({ channel, index }) => ({
        channel,
        index,
        value: next.next().value as KeyedValue,
      })),
    }));
  }

  /** The checkpoint that an earlier call with the same id put, if this error says that there was one. */
  async #resultOfEarlier(
    place: Place,
    { checkpoint, pending }: PutInput,
    error: unknown,
    options: CallOptions,
  ): Promise<PutResult> {
    const id = checkpoint?.id;
    const isKnown = isStateError(error, "IDEMPOTENCY_CONFLICT") || isStateError(error, "NOT_FOUND");
    if (checkpoint === undefined || id === undefined || !isKnown) throw this.#explained(place, error);
    const found = await this.#records.find(place, id, options);
    if (found === undefined) {
      // The store knows the id of a checkpoint that is gone.
      throw error;
    }
    if (error instanceof OtherWrite) throw error;
    await this.#requireSame(found, checkpoint);
    if (pending === undefined) return { id, duplicate: true };
    const { duplicate } = await this.put(place, { pending }, options);
    return { id, duplicate };
  }

  /** IDEMPOTENCY_CONFLICT if another call put this checkpoint. */
  async #requireSame({ record }: FoundCheckpoint, input: CheckpointInput): Promise<void> {
    if (record.content !== (await contentOfInput(this.#records, input))) throw otherCheckpoint();
  }

  /** A number that is taken means that the lineage counts wrongly. */
  #explained({ owner, lineage, namespace }: Place, error: unknown): unknown {
    if (!isStateError(error, "CONDITION_FAILED")) return error;
    const { kind } = error.details;
    return kind.startsWith(checkpointsIn({ lineage, namespace }))
      ? corruptRecord(lineageCell(owner, lineage), "the numbers of a lineage are wrong")
      : error;
  }
}

/** The same values, of which the large ones were written, one after the other. */
async function uploaded(
  pool: ValuePool,
  values: readonly KeyedValue[],
  now: number,
  options: UploadOptions,
): Promise<KeyedValue[]> {
  const all: KeyedValue[] = [];
  for (const value of values)
    all.push(isLarge(value) ? { ...value, upload: await pool.upload(value, now, options) } : value);
  return all;
}

async function uploadedPending(
  pending: PreparedPending,
  now: number,
  options: UploadOptions,
): Promise<PreparedPending> {
  const all = pending.tasks.flatMap(({ writes }) => writes.map(({ value }) => value));
  const next = (await uploaded(pending.pool, all, now, options)).values();
  const tasks = pending.tasks.map(({ input, writes }) => ({
    input,
    writes: writes.map((write) => ({ ...write, value: next.next().value as KeyedValue })),
  }));
  return { ...pending, tasks };
}

/** Whether nothing has to be uploaded before the commit. */
function fitsOneCommit({ put, pending }: Prepared): boolean {
  const writes = (pending?.tasks ?? []).flatMap((task) => task.writes.map(({ value }) => value));
  return ![...(put?.values ?? []), ...writes].some(isLarge);
}

function newLineage({ lineage }: Place, pool: string, createdAt: number): LineageRecord {
  return { name: lineage, pool, next: 1, createdAt, shared: false };
}
