import type { ChannelVersion } from "./checkpoint.js";

/** What a checkpoint holds of a channel. */
export interface ChannelState {
  readonly version: ChannelVersion;
  /** The key of the value in the pool; `null` for a channel that has a version and no value. */
  readonly key: string | null;
}

/** A channel with its state, or one that is gone. */
export type ChannelEntry = readonly [channel: string, state: ChannelState | undefined];

/** A list of entries in the pool, and how many they are. */
export interface NodeRef {
  readonly key: string;
  readonly size: number;
}

/**
 * Which channels a checkpoint has: its own entries over those of nodes that it shares with others, the newest first. So a
 * checkpoint that changes one of many channels does not repeat the others.
 */
export interface Layers {
  readonly own: readonly ChannelEntry[];
  readonly nodes: readonly NodeRef[];
}

/** The layers of a new checkpoint, and the entries of the node that has to be stored for it. */
export interface LayersPlan {
  readonly own: readonly ChannelEntry[];
  /** The nodes that it shares with its parent. Under `node`, if there is one. */
  readonly nodes: readonly NodeRef[];
  readonly node?: readonly ChannelEntry[];
}

/** So many entries a checkpoint repeats of those before it, before they become a node. */
const MAX_OWN = 4;
/** A node joins the new one unless it is this many times larger. So each entry is written a few times in all. */
const GROWTH = 2;

/** All channels of the layers. `nodes` are the entries of each node. */
export function channelsOf(
  own: readonly ChannelEntry[],
  nodes: readonly (readonly ChannelEntry[])[],
): Map<string, ChannelState> {
  const merged = merge([own, ...nodes]);
  return new Map([...merged].flatMap(([channel, state]) => (state === undefined ? [] : [[channel, state]])));
}

/** The layers after a change. `nodes` are the entries of each node of the layers before; `mostBytes` limits the own ones. */
export function planLayers(
  before: Layers,
  nodes: readonly (readonly ChannelEntry[])[],
  changes: readonly ChannelEntry[],
  mostBytes = Number.POSITIVE_INFINITY,
): LayersPlan {
  const own = [...merge([changes, before.own])];
  const fits = Buffer.byteLength(JSON.stringify(own)) <= mostBytes;
  if (own.length <= MAX_OWN && fits) return { own, nodes: before.nodes };
  const joined: (readonly ChannelEntry[])[] = [own];
  let size = own.length;
  let taken = 0;
  for (; (before.nodes[taken]?.size ?? Number.POSITIVE_INFINITY) < GROWTH * size; taken++) {
    joined.push(nodes[taken] as readonly ChannelEntry[]);
    size = merge(joined).size;
  }
  const rest = before.nodes.slice(taken);
  const node = [...merge(joined)].filter(([, state]) => rest.length > 0 || state !== undefined);
  return { own: [], nodes: rest, ...(node.length > 0 && { node }) };
}

/** The entries by channel: the first list that names a channel decides. */
function merge(lists: readonly (readonly ChannelEntry[])[]): Map<string, ChannelState | undefined> {
  const merged = new Map<string, ChannelState | undefined>();
  for (const list of lists)
    for (const [channel, state] of list) if (!merged.has(channel)) merged.set(channel, state);
  return merged;
}

/** What has to change so that `before` becomes `after`. */
export function changesBetween(
  before: ReadonlyMap<string, ChannelState>,
  after: ReadonlyMap<string, ChannelState>,
): ChannelEntry[] {
  const changed = [...after].filter(([channel, state]) => {
    const old = before.get(channel);
    return old?.version !== state.version || old.key !== state.key;
  });
  const gone = [...before.keys()].filter((channel) => !after.has(channel));
  return [...changed, ...gone.map((channel) => [channel, undefined] as const)];
}
