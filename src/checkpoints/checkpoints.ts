import { invalid } from "../contract/errors.js";
import type { RedactOption } from "../contract/redact.js";
import type { CallOptions, MaintenanceScope, SessionIdentity, StateStore } from "../contract/store.js";
import { copySession, readStore } from "../typed/cell.js";
import { type Codec, readCodec } from "../typed/codec.js";
import { InputReader } from "../typed/input-reader.js";
import type { JsonInput, JsonInputOf, JsonValue } from "../typed/json-value.js";
import type { UserData } from "../typed/moving/user-data.js";
import { readScopedId } from "../typed/names.js";
import { type Clock, readClock } from "../typed/time.js";
import { Unit } from "../typed/together/unit.js";
import { readInteger, readLimit, readNamed, readOptions, readSignal } from "../validation/validate.js";
import type {
  Checkpoint,
  CheckpointInfo,
  CheckpointPlace,
  CheckpointRef,
  CheckpointTuple,
  LineageInfo,
  PendingWrite,
} from "./checkpoint.js";
import { deleteLineage, recoverLeftovers } from "./deleting.js";
import { noSuchCheckpoint } from "./errors.js";
import { exportCheckpoints } from "./exporting.js";
import { forkLineage } from "./fork.js";
import { CheckpointsInUnit } from "./in-unit.js";
import type { Place } from "./kinds.js";
import { movingCheckpoints } from "./moving.js";
import { namesOfNamespaces } from "./namespaces.js";
import {
  type NewCheckpoint,
  readLineage,
  readMetadata,
  readNamespace,
  readPlace,
  readRef,
} from "./new-checkpoint.js";
import { type Pruned, pruneLineage } from "./prune.js";
import { type PutResult, Puts } from "./putting.js";
import { ancestors, eachWrite, listCheckpoints, loadCheckpoint, loadTuple } from "./reading.js";
import { type NewWrites, readNewAll, readNewPut, readNewWrites } from "./reading-input.js";
import { CheckpointRecords, type FoundCheckpoint, infoOf } from "./records.js";
import { retainLineages } from "./retaining.js";
import { lineagesOf } from "./sweep.js";
import type { TaskWrites } from "./writes.js";

/** The options of `createCheckpoints`. */
export interface CheckpointsOptions<V, Input> extends RedactOption {
  /** Turns the values of channels into bytes and back. Default `json()`. */
  readonly codec?: Codec<V, Input>;
  /** Milliseconds since 1970. Default the process's clock. */
  readonly clock?: Clock;
}

/** Which checkpoints `list` returns. */
export interface ListCheckpointsOptions extends CallOptions {
  /** Only those that were put before this one: its id. NOT_FOUND if there is no such checkpoint. */
  readonly before?: string | undefined;
  /** Only those after a page: its `next`. */
  readonly after?: number | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
  /** Only those whose metadata has each of these fields, with an equal value. */
  readonly filter?: Readonly<Record<string, JsonInput>>;
}

/** A page of a list. */
export interface CheckpointPage {
  /** Newest first. */
  readonly checkpoints: readonly CheckpointInfo[];
  /** Where the next page begins, for `after`. Absent on the last page. */
  readonly next?: number;
}

/** How far `history` goes. */
export interface HistoryOptions extends CallOptions {
  /** 1 to 10,000. Default 100. */
  readonly limit?: number | undefined;
}

/** What a fork copies, and where to. */
export interface ForkOptions extends CallOptions {
  /** The name of the new lineage. */
  readonly to: string;
  /** Only what was put up to this checkpoint, in all namespaces. Default: everything. */
  readonly id?: string;
}

/** What `prune` keeps. */
export interface PruneOptions extends CallOptions {
  /** How many checkpoints of each namespace: 1 to 1,000,000. */
  readonly keep: number;
  /**
   * How long an upload, or a pending write without a checkpoint, is left alone, in milliseconds: 0 to ten years. Default one
   * hour.
   */
  readonly abandonedMs?: number;
}

/** The options of `recover`. */
export type RecoverOptions = Pick<PruneOptions, "abandonedMs" | "signal">;

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;
const MAX_KEEP = 1_000_000;
const MAX_HISTORY = 10_000;
const DEFAULT_ABANDONED_MS = 3_600_000;
const MAX_ABANDONED_MS = 10 * 365 * 86_400_000;

/**
 * Snapshots to resume from.
 *
 * The identity is that of a session; the session need not exist. Under it, a checkpoint belongs to a lineage and a namespace
 * and has an id. It never changes. Its channels are values under names; a value that checkpoints share is stored once.
 *
 * Readers see a checkpoint whole or not at all. Every method rejects with the errors of the store.
 */
export class Checkpoints<V = JsonValue, Input = JsonInputOf<V>> {
  readonly #records: CheckpointRecords<V, Input>;
  readonly #puts: Puts<V, Input>;

  /** @internal */
  constructor(store: StateStore, options: CheckpointsOptions<V, Input> = {}) {
    readNamed(options, "options", ["codec", "redact", "clock"]);
    const inputs = new InputReader(options, "checkpoints");
    const codec = readCodec<V, Input>("codec" in options ? { codec: options.codec as Codec<V, Input> } : {});
    this.#records = new CheckpointRecords(readStore(store), inputs.codec(codec), readClock(options));
    this.#puts = new Puts(this.#records, inputs);
    Object.freeze(this);
  }

  /** The puts as part of a unit of `together`. */
  in(unit: Unit): CheckpointsInUnit<V, Input> {
    return new CheckpointsInUnit(Unit.check(unit, this.#records.store), this.#puts);
  }

  /**
   * Puts a checkpoint. With an `id` it is put once: the same call again is a duplicate, and other content is
   * IDEMPOTENCY_CONFLICT. NOT_FOUND if it was removed since, within the store's idempotency window, and for a missing parent
   * with `inherit`. Values that do not fit into one commit are written before it, and seen with the checkpoint. The promise
   * of a large put that is aborted or fails leaves no checkpoint; the same call again goes on with what was written.
   */
  async put(
    identity: SessionIdentity,
    checkpoint: NewCheckpoint<Input>,
    options?: CallOptions,
  ): Promise<PutResult> {
    const { place, input } = readNewPut(identity, checkpoint, this.#puts.inputs);
    return this.#puts.put(place, input, readCall(options));
  }

  /**
   * Puts the pending writes of a task, all or none. A write whose task and index are there already is not written again:
   * with the same content it is a duplicate, other content is IDEMPOTENCY_CONFLICT (or is ignored with `existing: "keep"`).
   * A write with a negative index takes the place of the one that is there. The checkpoint need not have been put yet.
   */
  async putWrites(
    identity: SessionIdentity,
    writes: NewWrites<Input>,
    options?: CallOptions,
  ): Promise<PutResult> {
    const { place, input } = readNewWrites(identity, writes);
    return this.#puts.put(place, input, readCall(options));
  }

  /** Puts a checkpoint and the pending writes of 1 to 100 tasks for it, all or none. Needs an `id`. */
  async putAll(
    identity: SessionIdentity,
    checkpoint: NewCheckpoint<Input> & { readonly id: string },
    tasks: readonly TaskWrites<Input>[],
    options?: CallOptions,
  ): Promise<PutResult> {
    const { place, input } = readNewAll(identity, checkpoint, tasks, this.#puts.inputs);
    return this.#puts.put(place, input, readCall(options));
  }

  /** The checkpoint with its values. NOT_FOUND, CORRUPT. */
  async get(identity: SessionIdentity, ref: CheckpointRef, options?: CallOptions): Promise<Checkpoint<V>> {
    const found = await this.find(identity, ref, options);
    if (found === undefined) throw noSuchCheckpoint();
    return found;
  }

  /** The checkpoint with its values, or `undefined`. CORRUPT. */
  async find(
    identity: SessionIdentity,
    ref: CheckpointRef,
    options?: CallOptions,
  ): Promise<Checkpoint<V> | undefined> {
    const { place, id } = readRef(identity, ref);
    const call = readCall(options);
    const found = await this.#records.find(place, id, call);
    return found && loadCheckpoint(this.#records, found, call);
  }

  /** The checkpoint that was put last, or `undefined`. CORRUPT. */
  async latest(
    identity: SessionIdentity,
    place: CheckpointPlace,
    options?: CallOptions,
  ): Promise<Checkpoint<V> | undefined> {
    const call = readCall(options);
    return this.#latest(readPlace(identity, place), call, (found) =>
      loadCheckpoint(this.#records, found, call),
    );
  }

  /**
   * A checkpoint, or the one that was put last, with what is pending for it, all writes as they were at one moment. INVALID_RECORD
   * of `writes` if more than 10,000 writes are pending, or more than 64 MiB in values of up to 256 KiB: read them with
   * `pendingWrites`. CORRUPT.
   */
  async tuple(
    identity: SessionIdentity,
    ref: CheckpointPlace & { readonly id?: string },
    options?: CallOptions,
  ): Promise<CheckpointTuple<V> | undefined> {
    const call = readCall(options);
    const place = readPlace(identity, ref, ["id"]);
    const load = (found: FoundCheckpoint) => loadTuple(this.#records, found, call);
    if (!("id" in ref)) return this.#latest(place, call, load);
    const found = await this.#records.find(place, readScopedId(ref.id, "id"), call);
    return found && load(found);
  }

  /**
   * Yields what is pending for a checkpoint, which need not have been put, however much it is: in no particular order of the
   * tasks, those of each task by index. It is read in pages, each as it is at its moment: a write that comes meanwhile may be
   * yielded or not, and so may one of two that were put together. CORRUPT.
   *
   * @example
   * ```ts
   * import { createCheckpoints } from "groundstate/checkpoints";
   *
   * const saved = createCheckpoints(store);
   * for await (const { task, channel, value } of saved.pendingWrites(session, { lineage: "thread-1", id: "c-2" }))
   *   console.log(task, channel, value);
   * ```
   */
  async *pendingWrites(
    identity: SessionIdentity,
    ref: CheckpointRef,
    options?: CallOptions,
  ): AsyncGenerator<PendingWrite<V>, void, undefined> {
    const { place, id } = readRef(identity, ref);
    yield* eachWrite(this.#records, place, id, readCall(options));
  }

  /** The checkpoints of a namespace without their values, newest first. */
  async list(
    identity: SessionIdentity,
    place: CheckpointPlace,
    options?: ListCheckpointsOptions,
  ): Promise<CheckpointPage> {
    const where = readPlace(identity, place);
    const given = readOptions(options, [
      "before",
      "after",
      "limit",
      "filter",
      "signal",
    ]) as ListCheckpointsOptions;
    const { signal } = readCall(given, true);
    const limit = given.limit === undefined ? DEFAULT_PAGE : readLimit(given.limit, MAX_PAGE);
    const filter = "filter" in given ? readMetadata(given.filter, "filter") : {};
    const bounds = [
      ...(given.after === undefined ? [] : [readInteger(given.after, "after", 1, Number.MAX_SAFE_INTEGER)]),
      ...(given.before === undefined ? [] : [await this.#numberOf(where, given.before, signal)]),
    ];
    const before = bounds.length === 0 ? undefined : Math.min(...bounds);
    const { found, more } = await listCheckpoints(this.#records, where, { before, limit, filter, signal });
    const last = found.at(-1);
    return { checkpoints: found.map(infoOf), ...(more && last && { next: last.number }) };
  }

  /** A checkpoint and those that it follows, without their values: along the parents, as far as they exist. NOT_FOUND. */
  async history(
    identity: SessionIdentity,
    ref: CheckpointRef,
    options?: HistoryOptions,
  ): Promise<CheckpointInfo[]> {
    const { place, id } = readRef(identity, ref);
    const given = readOptions(options, ["limit", "signal"]) as HistoryOptions;
    const call = readCall(given, true);
    const limit = given.limit === undefined ? DEFAULT_PAGE : readLimit(given.limit, MAX_HISTORY);
    const found = await this.#records.find(place, id, call);
    if (found === undefined) throw noSuchCheckpoint();
    return ancestors(this.#records, found, limit, call);
  }

  /** The lineages of a session, in no particular order. */
  async lineages(identity: SessionIdentity, options?: CallOptions): Promise<LineageInfo[]> {
    const found = await lineagesOf(this.#records, copySession(identity), undefined, readCall(options));
    return found
      .filter(({ copied }) => copied === undefined)
      .map(({ name, createdAt, origin }) => ({
        lineage: name,
        createdAt: new Date(createdAt),
        ...(origin && { forkedFrom: origin.lineage }),
      }));
  }

  /** The namespaces of a lineage that have checkpoints, in no particular order. CORRUPT. */
  async namespaces(identity: SessionIdentity, lineage: string, options?: CallOptions): Promise<string[]> {
    const owner = copySession(identity);
    const name = readLineage(lineage);
    const call = readCall(options);
    if ((await this.#records.lineage(owner, name, call)) === undefined) return [];
    return namesOfNamespaces(this.#records.store, owner, name, call);
  }

  /**
   * Copies a lineage to a new one, with what is pending. Values are shared. Readers see the copy when it is whole. The same
   * call again is a duplicate, and goes on after an interruption. NOT_FOUND, ALREADY_EXISTS.
   */
  async fork(
    identity: SessionIdentity,
    place: CheckpointPlace,
    options: ForkOptions,
  ): Promise<{ readonly duplicate: boolean }> {
    const where = readPlace(identity, place);
    const given = readNamed(options, "options", ["to", "id", "signal"]) as ForkOptions;
    const to = readLineage(given.to, "to");
    if (to === where.lineage) throw invalid("to", "another lineage");
    const upTo = "id" in given ? { upTo: readScopedId(given.id, "id") } : {};
    return forkLineage(this.#records, { place: where, to, ...upTo }, readCall(given, true));
  }

  /**
   * Removes the checkpoints of a lineage but the last ones of each namespace, or of one namespace, and those that a kept one
   * refers to with `parents` and `dependsOn`. Then removes the values that no checkpoint uses, and what crashes left. Returns
   * how much. Others may put, read and prune meanwhile. After an interruption, call it again.
   */
  async prune(identity: SessionIdentity, place: CheckpointPlace, options: PruneOptions): Promise<Pruned> {
    const where = readPlace(identity, place);
    const given = readNamed(options, "options", ["keep", "abandonedMs", "signal"]) as PruneOptions;
    const keep = readInteger(given.keep, "keep", 1, MAX_KEEP);
    const only = "namespace" in place ? { namespace: readNamespace(place.namespace) } : {};
    const abandonedBefore = this.#abandonedBefore(given);
    return pruneLineage(
      this.#records,
      { place: where, keep, abandonedBefore, ...only },
      readCall(given, true),
    );
  }

  /** Deletes a lineage with all its namespaces, in one commit. Returns whether there was one. Forks keep what they share. */
  async deleteLineage(identity: SessionIdentity, lineage: string, options?: CallOptions): Promise<boolean> {
    const owner = copySession(identity);
    return deleteLineage(this.#records, owner, readLineage(lineage), readCall(options));
  }

  /**
   * Removes what puts of large checkpoints and deletions of forks left that were interrupted, in all sessions of the scope.
   * Returns how many. MAINTENANCE_SCOPE_REQUIRED.
   */
  async recover(scope: MaintenanceScope, options: RecoverOptions = {}): Promise<number> {
    const given = readNamed(options, "options", ["abandonedMs", "signal"]) as RecoverOptions;
    return recoverLeftovers(this.#records, scope, this.#abandonedBefore(given), readCall(given, true));
  }

  /**
   * The checkpoints as they take part when a user is moved or exported, and in retention. Those of a user who is forgotten go with
   * the sessions.
   */
  get userData(): UserData {
    return {
      ...movingCheckpoints(this.#records.store),
      retain: (scope, options) => retainLineages(this.#records, scope, options),
      exportOf: (owner, options) => exportCheckpoints(this.#records.store, owner, this.#records.now, options),
      exportedKinds: ["checkpoint."],
    };
  }

  async #latest<R>(
    place: Place,
    call: { readonly signal: AbortSignal | undefined },
    load: (found: FoundCheckpoint) => Promise<R | undefined>,
  ): Promise<R | undefined> {
    const query = { before: undefined, limit: 1, filter: {}, ...call };
    for (;;) {
      const [found] = (await listCheckpoints(this.#records, place, query)).found;
      if (found === undefined) return undefined;
      const loaded = await load(found);
      // It was removed meanwhile, so there is another one that is the last.
      if (loaded !== undefined) return loaded;
    }
  }

  async #numberOf(place: Place, id: unknown, signal: AbortSignal | undefined): Promise<number> {
    const found = await this.#records.find(place, readScopedId(id, "before"), { signal });
    if (found === undefined) throw noSuchCheckpoint();
    return found.number;
  }

  #abandonedBefore(given: RecoverOptions): number {
    const ms =
      "abandonedMs" in given
        ? readInteger(given.abandonedMs, "abandonedMs", 0, MAX_ABANDONED_MS)
        : DEFAULT_ABANDONED_MS;
    return this.#records.now() - ms;
  }
}

/** Reads the signal of a call, and refuses other options, unless they were read before. */
function readCall(
  options: CallOptions | undefined,
  isRead = false,
): { readonly signal: AbortSignal | undefined } {
  return { signal: readSignal(isRead ? (options ?? {}) : readOptions(options, ["signal"])) };
}
