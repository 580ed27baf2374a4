import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { SessionIdentity } from "../contract/store.js";
import { copySession } from "../typed/cell.js";
import { type InputReader, PLAIN_READER } from "../typed/input-reader.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import { readScopedId } from "../typed/names.js";
import { readBoolean, readInteger, readNamed, readObject } from "../validation/validate.js";
import { readKind, readText } from "../validation/validate-text.js";
import type { ChannelVersion, CheckpointPlace, CheckpointRef } from "./checkpoint.js";
import { readVersion } from "./checkpoint-record.js";
import type { Place } from "./kinds.js";

/** A checkpoint to put. */
export interface NewCheckpoint<Input> extends CheckpointPlace {
  /** Makes the put happen once: 1 to 105 UTF-8 bytes. Absent: one is made. */
  readonly id?: string;
  /** The checkpoint of the same namespace that it follows. It need not exist, unless `inherit` is true. */
  readonly parent?: string;
  /** The values by channel; at most 2,000 channels with names of 1 to 255 UTF-8 bytes. They must not change until the promise settles. */
  readonly values: Readonly<Record<string, Input>>;
  /**
   * Versions by channel. A channel with the parent's version keeps the parent's value, and is not encoded. A channel without
   * a value gets a version and no value. Channels that are not named are counted from 1, up by 1 with each change.
   */
  readonly versions?: Readonly<Record<string, ChannelVersion>>;
  /** Channels that `values` and `versions` do not name stay as the parent has them. Default false: they are gone. */
  readonly inherit?: boolean;
  /** With `inherit`: the parent's channels that are gone. */
  readonly without?: readonly string[];
  /** The caller's own fields: any JSON object. `list` can filter by them. */
  readonly metadata?: Readonly<Record<string, JsonInput>>;
  /** The caller's step: a whole number. */
  readonly step?: number;
  /** What the step used: any JSON. */
  readonly usage?: JsonInput;
  /** The checkpoints of other namespaces that it belongs to, by namespace: at most 64. `prune` keeps them with it. */
  readonly parents?: Readonly<Record<string, string>>;
  /** The ancestor without which it cannot be used. `prune` keeps that one and those between with it. */
  readonly dependsOn?: string;
}

/** A checkpoint to put, as it was read. */
export interface CheckpointInput {
  readonly id?: string;
  readonly parent?: string;
  readonly values: ReadonlyMap<string, unknown>;
  readonly versions: ReadonlyMap<string, ChannelVersion>;
  readonly inherit: boolean;
  readonly without: readonly string[];
  readonly metadata: Readonly<Record<string, JsonValue>>;
  readonly step?: number;
  readonly usage?: JsonValue;
  readonly parents?: Readonly<Record<string, string>>;
  readonly dependsOn?: string;
}

const MAX_CHANNELS = 2_000;
const MAX_PARENTS = 64;
const PLACE = ["lineage", "namespace"];
const FIELDS = [
  ...PLACE,
  "id",
  "parent",
  "values",
  "versions",
  "inherit",
  "without",
  "metadata",
  "step",
  "usage",
  "parents",
  "dependsOn",
];

/** Checks a checkpoint to put, and copies everything but the values. INVALID_RECORD. */
export function readNewCheckpoint(
  identity: SessionIdentity,
  checkpoint: unknown,
  inputs: InputReader,
): { readonly place: Place; readonly input: CheckpointInput } {
  const given = readNamed(checkpoint, "checkpoint", FIELDS) as NewCheckpoint<unknown>;
  const place = placeOf(identity, given);
  const values = readChannels(given.values, "values", (value, field) => {
    if (value === undefined) throw invalid(field, "values: leave out a channel that has none");
    return value;
  });
  const versions =
    "versions" in given ? readChannels(given.versions, "versions", readVersion) : new Map<string, never>();
  const inherit = "inherit" in given ? readBoolean(given.inherit, "inherit") : false;
  if (inherit && !("parent" in given)) throw invalid("parent", "given with inherit");
  if ("without" in given && !inherit) throw invalid("without", "left out, unless inherit is true");
  return {
    place,
    input: {
      ...("id" in given && { id: readScopedId(given.id, "id") }),
      ...("parent" in given && { parent: readScopedId(given.parent, "parent") }),
      values,
      versions,
      inherit,
      without: "without" in given ? readWithout(given.without) : [],
      metadata: "metadata" in given ? readMetadata(given.metadata, "metadata", inputs) : {},
      ...("step" in given && {
        step: readInteger(given.step, "step", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
      }),
      ...("usage" in given && { usage: inputs.json(given.usage, "usage") }),
      ...("parents" in given && { parents: readParents(given.parents) }),
      ...("dependsOn" in given && { dependsOn: readScopedId(given.dependsOn, "dependsOn") }),
    },
  };
}

/** Reads where checkpoints are, from an object that has no other fields but these. */
export function readPlace(identity: SessionIdentity, place: unknown, more: readonly string[] = []): Place {
  return placeOf(identity, readNamed(place, "place", [...PLACE, ...more]) as CheckpointPlace);
}

export function readRef(
  identity: SessionIdentity,
  ref: CheckpointRef,
): { readonly place: Place; readonly id: string } {
  const place = readPlace(identity, ref, ["id"]);
  return { place, id: readScopedId(ref.id, "id") };
}

export function readLineage(value: unknown, field = "lineage"): string {
  return readKind(value, field);
}

export function readNamespace(value: unknown): string {
  return readText(value, "namespace", LIMITS.kindBytes);
}

export function readChannel(value: unknown, field: string): string {
  if (value === "") throw invalid(field, "names that are not empty");
  return readText(value, field, LIMITS.nameBytes);
}

/** Reads the caller's own fields of a checkpoint. */
export function readMetadata(
  value: unknown,
  field: string,
  inputs: InputReader = PLAIN_READER,
): Readonly<Record<string, JsonValue>> {
  if (Array.isArray(value)) throw invalid(field, "an object");
  return inputs.json(readObject(value, field), field) as Readonly<Record<string, JsonValue>>;
}

function placeOf(identity: SessionIdentity, given: CheckpointPlace): Place {
  return {
    owner: copySession(identity),
    lineage: readLineage(given.lineage),
    namespace: "namespace" in given ? readNamespace(given.namespace) : "",
  };
}

function readChannels<T>(
  value: unknown,
  field: string,
  read: (value: unknown, field: string) => T,
): ReadonlyMap<string, T> {
  const entries = Object.entries(readObject(value, field));
  if (entries.length > MAX_CHANNELS) throw invalid(field, `of at most ${MAX_CHANNELS} channels`);
  return new Map(entries.map(([channel, each]) => [readChannel(channel, field), read(each, field)]));
}

function readWithout(value: unknown): string[] {
  if (!Array.isArray(value)) throw invalid("without", "a list of channels");
  if (value.length > MAX_CHANNELS) throw invalid("without", `of at most ${MAX_CHANNELS} channels`);
  return value.map((channel) => readChannel(channel, "without"));
}

function readParents(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(readObject(value, "parents"));
  if (entries.length > MAX_PARENTS) throw invalid("parents", `of at most ${MAX_PARENTS} namespaces`);
  return Object.fromEntries(
    entries.map(([namespace, id]) => [
      readText(namespace, "parents", LIMITS.kindBytes),
      readScopedId(id, "parents"),
    ]),
  );
}
