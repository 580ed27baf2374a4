import { createHash } from "node:crypto";
import {
  digestIn,
  type EncodedValue,
  encodeValue,
  type KeyedValue,
  keyValues,
} from "../content/keyed-value.js";
import { Outdated } from "../content/outdated.js";
import { invalid } from "../contract/errors.js";
import type { CallOptions, EventId, StoreLimits } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { compareText } from "../rules/order.js";
import type { SeenRecord } from "../typed/cell.js";
import { mapInSlices } from "../typed/slices.js";
import type { ChannelVersion } from "./checkpoint.js";
import { type CheckpointRecord, NODE_CODEC } from "./checkpoint-record.js";
import { noSuchCheckpoint } from "./errors.js";
import { checkpointEventId, type Place } from "./kinds.js";
import type { KnownPut } from "./known-puts.js";
import { type ChannelState, changesBetween, planLayers } from "./manifest.js";
import type { CheckpointInput } from "./new-checkpoint.js";
import { loadChannels } from "./reading.js";
import type { CheckpointRecords, FoundCheckpoint, LoadedChannels } from "./records.js";

/** A put that only has to be committed. */
export interface PreparedPut {
  readonly place: Place;
  readonly id: string;
  readonly eventId: EventId;
  readonly record: CheckpointRecord;
  /** The pool that its values belong to. */
  readonly pool: string;
  /** There is no lineage yet, and the pool is its own. The pool of one that is deleted meanwhile may be a fork's. */
  readonly isNew: boolean;
  /** The checkpoint whose values it goes on with: it must still exist when this one is committed. */
  readonly base: FoundCheckpoint | undefined;
  /** The values that it does not have from its base, and the node of its channels. */
  readonly values: readonly KeyedValue[];
  /** What it will hold. */
  readonly channels: LoadedChannels;
  /** The record of the lineage that it was prepared for, if there was one. */
  readonly storedLineage: SeenRecord | undefined;
}

/** A channel of the new checkpoint. */
interface Channel {
  readonly version: ChannelVersion;
  /** The digest of the value, or `null`. */
  readonly digest: string | null;
  /** The base has this value under this key. */
  readonly key?: string;
  readonly value?: EncodedValue;
}

/** The entries of a checkpoint's own take at most this share of its record. */
const OWN_SHARE = 8;
const NOTHING: LoadedChannels = { nodes: [], channels: new Map() };
const DIGEST_LENGTH = 22;

/** Works out what a put has to write. NOT_FOUND without a parent to inherit from. INVALID_RECORD. */
export async function preparePut<V, Input>(
  records: CheckpointRecords<V, Input>,
  place: Place,
  input: CheckpointInput,
  known: KnownPut | undefined,
  options: CallOptions,
): Promise<PreparedPut> {
  const { store } = records;
  const { parent } = input;
  refuseLargeFields(input, store.limits);
  const base =
    known?.checkpoint ?? (parent === undefined ? undefined : await records.find(place, parent, options));
  if (base === undefined && input.inherit) throw noSuchCheckpoint("parent checkpoint");
  const found = base === undefined ? await records.lineage(place.owner, place.lineage, options) : undefined;
  const lineage = base?.lineage ?? found?.record;
  const before =
    base === undefined ? NOTHING : (known?.channels ?? (await loadChannels(records, base, options)));
  // The base was removed while it was read.
  if (before === undefined) throw new Outdated();
  const channels = await channelsAfter(records, input, before.channels);

  const fresh = [...channels.values()].flatMap(({ value }) => (value === undefined ? [] : [value]));
  const layers = base === undefined ? { own: [], nodes: [] } : base.record;
  const keys = keysOf(distinct(fresh), store.limits);
  const after = statesOf(channels, keys);
  const most = store.limits.maxBytes / OWN_SHARE;
  const plan = planLayers(layers, before.nodes, changesBetween(before.channels, after), most);
  const node = plan.node && (await encodeValue(NODE_CODEC, plan.node, "values"));
  const nodeKey = node && (keysOf([node], store.limits).get(node.digest) as KeyedValue);
  const nodes =
    nodeKey === undefined
      ? plan.nodes
      : [{ key: nodeKey.key, size: (plan.node as readonly unknown[]).length }, ...plan.nodes];

  const values = [...keys.values(), ...(nodeKey === undefined ? [] : [nodeKey])];

  const { parents, dependsOn, step, usage, metadata } = input;
  const id = input.id ?? newEventId();
  const record: CheckpointRecord = {
    namespace: place.namespace,
    ...(parent !== undefined && { parent }),
    ...(parents !== undefined && { parents }),
    ...(dependsOn !== undefined && { dependsOn }),
    ...(step !== undefined && { step }),
    ...(usage !== undefined && { usage }),
    metadata,
    at: records.now(),
    content: contentOf(input, channels),
    own: plan.own,
    nodes,
  };
  return {
    place,
    id,
    eventId: checkpointEventId(place, id),
    record,
    pool: lineage?.pool ?? newEventId(),
    isNew: lineage === undefined,
    base,
    values,
    channels: {
      channels: after,
      nodes: [
        ...(plan.node ? [plan.node] : []),
        ...before.nodes.slice(before.nodes.length - plan.nodes.length),
      ],
    },
    storedLineage: known?.lineage ?? base?.storedLineage ?? found?.stored,
  };
}

async function channelsAfter<V, Input>(
  { codec }: CheckpointRecords<V, Input>,
  { values, versions, inherit, without }: CheckpointInput,
  before: ReadonlyMap<string, ChannelState>,
): Promise<ReadonlyMap<string, Channel>> {
  const after = new Map<string, Channel>();
  if (inherit) for (const [channel, state] of before) after.set(channel, sameAs(state));
  for (const channel of without) after.delete(channel);
  for (const [channel, version] of versions) {
    if (values.has(channel)) continue;
    const old = after.get(channel);
    if (old?.version !== version) after.set(channel, { version, digest: null });
  }
  const encoded = await mapInSlices([...values], async ([channel, value]): Promise<[string, Channel]> => {
    const old = before.get(channel);
    const version = versions.get(channel);
    if (version !== undefined && old?.version === version && old.key !== null) return [channel, sameAs(old)];
    const fresh = await encodeValue(codec, value as Input, "values");
    const isSame = old !== undefined && old.key !== null && digestIn(old.key) === fresh.digest;
    const next = version ?? (isSame ? old.version : versionAfter(old?.version));
    const { digest } = fresh;
    return [channel, isSame ? { ...sameAs(old), version: next } : { version: next, digest, value: fresh }];
  });
  for (const [channel, state] of encoded) after.set(channel, state);
  return after;
}

function sameAs({ version, key }: ChannelState): Channel {
  return key === null ? { version, digest: null } : { version, digest: digestIn(key), key };
}

function versionAfter(version: ChannelVersion | undefined): ChannelVersion {
  if (version === undefined) return 1;
  if (typeof version === "number" && version + 1 > version) return version + 1;
  throw invalid(
    "versions",
    "given for each channel that changes, once a version of it was text or is too large to count on",
  );
}

function distinct(values: readonly EncodedValue[]): EncodedValue[] {
  return [...new Map(values.map((value) => [value.digest, value])).values()];
}

function keysOf(values: readonly EncodedValue[], limits: StoreLimits): ReadonlyMap<string, KeyedValue> {
  return new Map(keyValues(values, limits).map((value) => [value.digest, value]));
}

function statesOf(
  channels: ReadonlyMap<string, Channel>,
  keys: ReadonlyMap<string, KeyedValue>,
): ReadonlyMap<string, ChannelState> {
  return new Map(
    [...channels].map(([channel, { version, digest, key }]) => {
      const own = digest === null ? null : (key ?? (keys.get(digest) as KeyedValue).key);
      return [channel, { version, key: own }];
    }),
  );
}

/** The same digest as in the record of this put, without its parent. */
export async function contentOfInput<V, Input>(
  records: CheckpointRecords<V, Input>,
  input: CheckpointInput,
): Promise<string> {
  return contentOf(input, await channelsAfter(records, { ...input, inherit: false, without: [] }, new Map()));
}

/** A digest of what the caller gave, and of nothing that comes from the parent: a repeated call may find another, or none. */
function contentOf(input: CheckpointInput, channels: ReadonlyMap<string, Channel>): string {
  const { parent = null, parents = null, dependsOn = null, step = null, usage = null } = input;
  const { values, versions, inherit, without, metadata } = input;
  const named = [...new Set([...values.keys(), ...versions.keys()])].sort(compareText);
  const states = named.map((channel) => [
    channel,
    versions.get(channel) ?? null,
    values.has(channel) ? (channels.get(channel)?.digest ?? null) : null,
  ]);
  const content = [parent, parents, dependsOn, step, usage, metadata, inherit, without, states];
  return createHash("sha256").update(JSON.stringify(content)).digest("base64url").slice(0, DIGEST_LENGTH);
}

/** The record of a checkpoint repeats these fields, so they must leave room for the rest. */
function refuseLargeFields({ metadata, usage, parents }: CheckpointInput, { maxBytes }: StoreLimits): void {
  const most = Math.floor(maxBytes / 4);
  for (const [field, value] of Object.entries({ metadata, usage, parents }))
    if (value !== undefined && Buffer.byteLength(JSON.stringify(value)) > most)
      throw invalid(field, `at most ${most} bytes of JSON`);
}
