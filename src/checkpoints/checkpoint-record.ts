import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { Undecodable } from "../typed/undecodable.js";
import { readInteger, readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import type { ChannelVersion } from "./checkpoint.js";
import type { ChannelEntry, Layers, NodeRef } from "./manifest.js";

/** A checkpoint as it is stored. Its id is in its event id. */
export interface CheckpointRecord extends Layers {
  readonly namespace: string;
  readonly parent?: string;
  readonly parents?: Readonly<Record<string, string>>;
  readonly dependsOn?: string;
  readonly step?: number;
  readonly usage?: JsonValue;
  readonly metadata: Readonly<Record<string, JsonValue>>;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** A digest of what the caller gave, by which a repeated call is recognised. */
  readonly content: string;
}

/** Short names, because every checkpoint repeats them. */
interface StoredForm {
  readonly ns?: string;
  readonly p?: string;
  readonly ps?: Readonly<Record<string, string>>;
  readonly dep?: string;
  readonly s?: number;
  readonly u?: JsonValue;
  readonly m?: Readonly<Record<string, JsonValue>>;
  readonly t: number;
  readonly c: string;
  readonly e: JsonValue;
  readonly n: JsonValue;
}

export const CHECKPOINT_CODEC = mappedJson<CheckpointRecord>({ write: stored, read });

/** The entries of a node, in the pool. */
export const NODE_CODEC = mappedJson<readonly ChannelEntry[]>({ write: writeEntries, read: readEntries });

function stored(record: CheckpointRecord): JsonValue {
  const { namespace, parent, parents, dependsOn, step, usage, metadata, at, content, own, nodes } = record;
  return {
    ...(namespace !== "" && { ns: namespace }),
    ...(parent !== undefined && { p: parent }),
    ...(parents !== undefined && { ps: parents }),
    ...(dependsOn !== undefined && { dep: dependsOn }),
    ...(step !== undefined && { s: step }),
    ...(usage !== undefined && { u: usage }),
    ...(Object.keys(metadata).length > 0 && { m: metadata }),
    t: at,
    c: content,
    e: writeEntries(own),
    n: nodes.map(({ key, size }) => [key, size]),
  };
}

function read(value: unknown): CheckpointRecord {
  const { ns = "", p, ps, dep, s, u, m = {}, t, c, e, n } = readObject(value, "checkpoint") as StoredForm;
  return {
    namespace: readText(ns, "namespace", LIMITS.kindBytes),
    ...(p !== undefined && { parent: readId(p) }),
    ...(ps !== undefined && { parents: readParents(ps) }),
    ...(dep !== undefined && { dependsOn: readId(dep) }),
    ...(s !== undefined && {
      step: readInteger(s, "step", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    }),
    ...(u !== undefined && { usage: u }),
    metadata: readObject(m, "metadata") as Readonly<Record<string, JsonValue>>,
    at: readInteger(t, "at", LIMITS.earliest, LIMITS.latest),
    content: readText(c, "content", LIMITS.eventIdBytes),
    own: readEntries(e),
    nodes: readList(n).map(readNode),
  };
}

/** `[channel, version, key]`, `[channel, version]` without a value, `[channel]` of one that is gone. */
function writeEntries(entries: readonly ChannelEntry[]): JsonValue {
  return entries.map(([channel, state]) => {
    if (state === undefined) return [channel];
    return state.key === null ? [channel, state.version] : [channel, state.version, state.key];
  });
}

function readEntries(value: unknown): ChannelEntry[] {
  return readList(value).map((entry) => {
    const [channel, version, key] = readList(entry);
    const name = readText(channel, "channel", LIMITS.nameBytes);
    if (version === undefined) return [name, undefined];
    const state = { version: readVersion(version), key: key === undefined ? null : readKey(key) };
    return [name, state];
  });
}

function readNode(value: unknown): NodeRef {
  const [key, size] = readList(value);
  return { key: readKey(key), size: readInteger(size, "size", 0, Number.MAX_SAFE_INTEGER) };
}

function readParents(value: unknown): Readonly<Record<string, string>> {
  for (const id of Object.values(readObject(value, "parents"))) readId(id);
  return value as Readonly<Record<string, string>>;
}

/** A caller's version of a channel. */
export function readVersion(value: unknown, field = "version"): ChannelVersion {
  if (typeof value === "string") return readText(value, field, LIMITS.nameBytes);
  if (typeof value !== "number" || !Number.isFinite(value)) throw invalid(field, "a string or a number");
  return value;
}

function readId(value: unknown): string {
  return readText(value, "id", LIMITS.eventIdBytes);
}

function readKey(value: unknown): string {
  return readText(value, "key", LIMITS.nameBytes);
}

function readList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Undecodable("a list is missing");
  return value;
}
