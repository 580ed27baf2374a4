import { headersUnder } from "../content/paging.js";
import { type Removal, removeUnchanged } from "../content/remove-unchanged.js";
import { ValuePool } from "../content/value-pool.js";
import type { CallOptions, Change, RecordHeader } from "../contract/store.js";
import { checkpointsOf, namespaceIn, type Place, pendingKinds, pendingPath, writesOf } from "./kinds.js";
import { lineageCell } from "./lineage-record.js";
import { LaterPuts } from "./namespaces.js";
import type { CheckpointRecords } from "./records.js";
import { untilUnchanged } from "./until-unchanged.js";

/** So many checkpoints that may not exist are looked for at once. */
const LOOKED_FOR = 20_000;
const REMOVED_AT_ONCE = 200;

/** Removes what is pending for checkpoints that do not exist, once it is old: a checkpoint may come after its writes. */
export async function removeOrphanedWrites<V, Input>(
  records: CheckpointRecords<V, Input>,
  place: Place,
  before: number,
  options: CallOptions,
): Promise<void> {
  let paths = new Set<string>();
  for await (const path of oldPaths(records, place, before, options)) {
    paths.add(path);
    if (paths.size < LOOKED_FOR) continue;
    await removeThoseWithoutCheckpoint(records, place, { paths, before }, options);
    paths = new Set();
  }
  if (paths.size > 0) await removeThoseWithoutCheckpoint(records, place, { paths, before }, options);
}

/** What is pending for one checkpoint each, as `pendingPath` says, where all of it is old. */
async function* oldPaths<V, Input>(
  { store }: CheckpointRecords<V, Input>,
  { owner, lineage }: Place,
  before: number,
  options: CallOptions,
): AsyncGenerator<string, void, undefined> {
  const prefix = writesOf(lineage);
  let path = "";
  let newest = 0;
  for await (const page of headersUnder(store, owner, prefix, options))
    for (const { kind, updatedAt } of page) {
      const own = `${kind.slice(prefix.length).split("/", 2).join("/")}/`;
      if (own !== path && path !== "" && newest <= before) yield path;
      newest = own === path ? Math.max(newest, updatedAt.getTime()) : updatedAt.getTime();
      path = own;
    }
  if (path !== "" && newest <= before) yield path;
}

async function removeThoseWithoutCheckpoint<V, Input>(
  records: CheckpointRecords<V, Input>,
  place: Place,
  { paths, before }: { readonly paths: Set<string>; readonly before: number },
  options: CallOptions,
): Promise<void> {
  const { store } = records;
  const { owner, lineage } = place;
  const found = await records.lineage(owner, lineage, options, true);
  const namespaces = new Set<string>();
  for await (const page of headersUnder(store, owner, checkpointsOf(lineage), options))
    for (const header of page) {
      namespaces.add(namespaceIn(header.kind));
      paths.delete(pendingPath(header));
    }
  const later = new LaterPuts(store, owner, lineage, found?.record.next ?? 1, [...namespaces]);
  for await (const some of inGroups(orphansOf(records, place, { paths: [...paths], before }, options)))
    await untilUnchanged(records, place, options, async (now) => {
      // Another lineage of this name has other checkpoints; those that a fork is copying come after their writes.
      if (now?.record.pool !== found?.record.pool || now?.record.copied !== undefined) return true;
      for (const put of await later.before(now?.record.next ?? 1, options)) paths.delete(pendingPath(put));
      const removals = some.filter(({ path }) => paths.has(path)).map(({ removal }) => removal);
      const { identity, kind } = lineageCell(owner, lineage);
      const guard: Change = now?.unchanged ?? { op: "check", identity, kind, expect: null };
      return !(await removeUnchanged(store, removals, [guard], options)).outdated;
    });
}

interface Orphan {
  readonly path: string;
  readonly removal: Removal;
}

/** For each checkpoint the writes first, then their large values. What a task has written since then stays, with its large values. */
async function* orphansOf<V, Input>(
  { store }: CheckpointRecords<V, Input>,
  { owner, lineage }: Place,
  { paths, before }: { readonly paths: readonly string[]; readonly before: number },
  options: CallOptions,
): AsyncGenerator<Orphan, void, undefined> {
  const isOld = ({ updatedAt }: RecordHeader) => updatedAt.getTime() <= before;
  for (const path of paths) {
    const kinds = pendingKinds(writesOf(lineage) + path);
    const pool = new ValuePool(store, owner, kinds);
    for await (const page of headersUnder(store, owner, kinds.writes, options))
      for (const { identity, kind, eventId: expect } of page.filter(isOld))
        yield { path, removal: [{ op: "delete", identity, kind, expect }] };
    for await (const page of headersUnder(store, owner, kinds.values, options))
      for (const { kind, eventId } of page.filter(isOld))
        yield { path, removal: pool.removal(kind.slice(kinds.values.length), eventId) };
  }
}

async function* inGroups(orphans: AsyncIterable<Orphan>): AsyncGenerator<Orphan[], void, undefined> {
  let group: Orphan[] = [];
  for await (const orphan of orphans) {
    group.push(orphan);
    if (group.length < REMOVED_AT_ONCE) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
