import { ValuePool } from "../content/value-pool.js";
import type { CallOptions, Change, SessionIdentity, StateRecord, StateStore } from "../contract/store.js";
import { type Cell, cellAt, corruptRecord, decodeRecord, type SeenRecord } from "../typed/cell.js";
import type { Codec } from "../typed/codec.js";
import { findByEventId } from "../typed/find-by-event-id.js";
import type { Clock } from "../typed/time.js";
import type { CheckpointInfo } from "./checkpoint.js";
import { CHECKPOINT_CODEC, type CheckpointRecord, NODE_CODEC } from "./checkpoint-record.js";
import {
  checkpointEventId,
  checkpointKind,
  checkpointsIn,
  idIn,
  numberOf,
  type Place,
  poolKinds,
} from "./kinds.js";
import { type LineageRecord, lineageCell } from "./lineage-record.js";
import { type ChannelEntry, type ChannelState, channelsOf } from "./manifest.js";

/** A checkpoint with where it was found. */
export interface FoundCheckpoint {
  readonly place: Place;
  readonly lineage: LineageRecord;
  readonly id: string;
  readonly number: number;
  readonly record: CheckpointRecord;
  readonly eventId: string;
  /** Its record. */
  readonly stored: SeenRecord;
  /** The record of its lineage, where that was read along with it. */
  readonly storedLineage?: SeenRecord;
}

/** A lineage that everybody sees. */
export interface FoundLineage {
  readonly record: LineageRecord;
  /** Its record. */
  readonly stored: SeenRecord;
  readonly eventId: string;
  /** The condition that it has not changed: every put changes it. */
  readonly unchanged: Change;
}

/** The channels of a checkpoint, with the entries of the nodes that it shares. */
export interface LoadedChannels {
  readonly nodes: readonly (readonly ChannelEntry[])[];
  readonly channels: ReadonlyMap<string, ChannelState>;
}

/** The records of lineages and checkpoints. */
export class CheckpointRecords<V, Input> {
  readonly store: StateStore;
  readonly codec: Codec<V, Input>;
  readonly now: Clock;

  constructor(store: StateStore, codec: Codec<V, Input>, now: Clock) {
    this.store = store;
    this.codec = codec;
    this.now = now;
  }

  /** The lineage, or `undefined`; one that is being copied too with `hidden`. CORRUPT. */
  async lineage(
    owner: SessionIdentity,
    name: string,
    options: CallOptions,
    hidden = false,
  ): Promise<FoundLineage | undefined> {
    const cell = lineageCell(owner, name);
    const { identity, kind, codec } = cell;
    const stored = await this.store.find(identity, kind, options);
    const value = stored && (await decodeRecord(codec, stored));
    if (value === undefined || (value.copied !== undefined && !hidden)) return undefined;
    const { eventId } = stored as StateRecord;
    const unchanged = { op: "check", identity, kind, expect: eventId } as const;
    return { record: requireName(cell, value, name), stored: stored as StateRecord, eventId, unchanged };
  }

  /** The checkpoint of this id, or `undefined`. CORRUPT. */
  async find(place: Place, id: string, options: CallOptions): Promise<FoundCheckpoint | undefined> {
    const [lineage, own] = await Promise.all([
      this.lineage(place.owner, place.lineage, options),
      findByEventId(this.store, place.owner, checkpointEventId(place, id), options),
    ]);
    if (lineage === undefined) return undefined;
    const copy = lineage.record.origin?.copy;
    const found =
      own ??
      (copy === undefined
        ? undefined
        : await findByEventId(this.store, place.owner, checkpointEventId(place, id, copy), options));
    return found && { ...(await this.open(place, lineage.record, found)), storedLineage: lineage.stored };
  }

  /** The checkpoint in a record of this place. CORRUPT. */
  async open(place: Place, lineage: LineageRecord, stored: StateRecord): Promise<FoundCheckpoint> {
    const record = await decodeRecord(CHECKPOINT_CODEC, stored);
    const number = numberOf(stored.kind);
    const { kind, eventId } = stored;
    if (kind !== checkpointKind(place, number) || record.namespace !== place.namespace)
      throw corruptRecord(stored, "a checkpoint lies where another belongs");
    return { place, lineage, number, record, eventId, id: idIn(eventId), stored };
  }

  /** The checkpoints of a namespace before a number, newest first. CORRUPT. */
  async page(
    place: Place,
    lineage: LineageRecord,
    { before, limit, signal }: { readonly before: number | undefined; readonly limit: number } & CallOptions,
  ): Promise<FoundCheckpoint[]> {
    const bound = before === undefined ? {} : { before: checkpointKind(place, before) };
    const range = { ...bound, limit, signal, reverse: true };
    const records = await this.store.list(place.owner, checkpointsIn(place), range);
    return Promise.all(records.map((record) => this.open(place, lineage, record)));
  }

  cell(place: Place, number: number): Cell<CheckpointRecord> {
    return cellAt(place.owner, checkpointKind(place, number), CHECKPOINT_CODEC);
  }

  pool({ owner }: Pick<Place, "owner">, { pool }: Pick<LineageRecord, "pool">): ValuePool {
    return new ValuePool(this.store, owner, poolKinds(pool));
  }

  /** The channels; `undefined` if a node is missing, as when the checkpoint was removed meanwhile. CORRUPT. */
  async channels(found: FoundCheckpoint, options: CallOptions): Promise<LoadedChannels | undefined> {
    const { own, nodes } = found.record;
    const pool = this.pool(found.place, found.lineage);
    const read = await Promise.all(nodes.map(({ key }) => this.node(pool, key, options)));
    const loaded = read.filter((node) => node !== undefined);
    return loaded.length < nodes.length ? undefined : { nodes: loaded, channels: channelsOf(own, loaded) };
  }

  /** The entries of a node; `undefined` if there is none. CORRUPT. */
  async node(
    pool: ValuePool,
    key: string,
    options: CallOptions,
  ): Promise<readonly ChannelEntry[] | undefined> {
    const stored = await pool.read(key, options);
    return stored && decodeRecord(NODE_CODEC, { ...pool.cell(key), ...stored } as unknown as StateRecord);
  }
}

export function infoOf({ place, id, number, record }: FoundCheckpoint): CheckpointInfo {
  const { parent, parents, dependsOn, step, usage, metadata, at } = record;
  return {
    lineage: place.lineage,
    namespace: place.namespace,
    id,
    number,
    ...(parent !== undefined && { parent }),
    ...(parents !== undefined && { parents }),
    ...(dependsOn !== undefined && { dependsOn }),
    ...(step !== undefined && { step }),
    ...(usage !== undefined && { usage }),
    metadata,
    at: new Date(at),
  };
}

function requireName(cell: Cell<LineageRecord>, record: LineageRecord, name: string): LineageRecord {
  if (record.name === name) return record;
  throw corruptRecord(cell, "the record of a lineage has another's name");
}
