import { recordsUnder } from "../content/paging.js";
import type { CallOptions, SessionIdentity, StateStore } from "../contract/store.js";
import { corruptRecord, decodeRecord } from "../typed/cell.js";
import { CHECKPOINT_CODEC } from "./checkpoint-record.js";
import { checkpointsOf } from "./kinds.js";
import type { LineageRecord } from "./lineage-record.js";
import type { ChannelEntry } from "./manifest.js";
import type { CheckpointRecords } from "./records.js";
import type { RemovalMark } from "./removal-mark.js";

const NODES_AT_ONCE = 64;
/** Nodes that were read, to be known again: neighbours share theirs. One that was forgotten is read again. */
const MAX_SEEN = 10_000;

/** What is looked for in a pool. */
export interface Looked {
  readonly pool: string;
  readonly lineages: readonly LineageRecord[];
  readonly isLooked: (key: string) => boolean;
}

/** Those of the keys looked for that checkpoints use; `undefined` if a checkpoint was removed meanwhile. CORRUPT. */
export async function usedKeys<V, Input>(
  records: CheckpointRecords<V, Input>,
  owner: SessionIdentity,
  { pool, lineages, isLooked }: Looked,
  lastRemoval: RemovalMark["guard"],
  options: CallOptions,
): Promise<ReadonlySet<string> | undefined> {
  const used = new Set<string>();
  const use = (key: string) => isLooked(key) && used.add(key);
  const values = records.pool({ owner }, { pool });
  const seen = new Set<string>();
  for (const { name } of lineages)
    for await (const page of recordsUnder(records.store, owner, checkpointsOf(name), options)) {
      const nodes = new Set<string>();
      for (const stored of page) {
        const record = await decodeRecord(CHECKPOINT_CODEC, stored);
        for (const key of keysIn(record.own)) use(key);
        for (const { key } of record.nodes) if (!seen.has(key)) nodes.add(key);
      }
      if (seen.size > MAX_SEEN) seen.clear();
      for (const some of inGroups([...nodes])) {
        const read = await Promise.all(some.map((key) => records.node(values, key, options)));
        for (const [at, entries] of read.entries()) {
          const node = some[at] as string;
          if (entries === undefined) {
            if (await isLast(records.store, lastRemoval, options))
              throw corruptRecord(values.cell(node), "a value of a checkpoint is missing");
            return undefined;
          }
          seen.add(node);
          use(node);
          for (const key of keysIn(entries)) use(key);
        }
      }
    }
  return used;
}

async function isLast(
  store: StateStore,
  { identity, kind, expect }: RemovalMark["guard"],
  options: CallOptions,
): Promise<boolean> {
  return (await store.find(identity, kind, options))?.eventId === expect;
}

function* inGroups(keys: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < keys.length; from += NODES_AT_ONCE) yield keys.slice(from, from + NODES_AT_ONCE);
}

function keysIn(entries: readonly ChannelEntry[]): string[] {
  return entries.flatMap(([, state]) => (state == null || state.key === null ? [] : [state.key]));
}
