import { digestIn } from "../content/keyed-value.js";
import { recordsUnder } from "../content/paging.js";
import { ValuePool } from "../content/value-pool.js";
import type { CallOptions, StateRecord } from "../contract/store.js";
import { corruptRecord, decodeRecord } from "../typed/cell.js";
import { hasFields } from "../typed/has-fields.js";
import type { JsonValue } from "../typed/json-value.js";
import { mapInSlices } from "../typed/slices.js";
import type { Checkpoint, CheckpointInfo, CheckpointTuple, PendingWrite } from "./checkpoint.js";
import { checkpointKind, type Place, pendingKinds, writesFor } from "./kinds.js";
import { byPathTaskIndex, listWrites, WRITE_CODEC } from "./pending.js";
import { type CheckpointRecords, type FoundCheckpoint, infoOf, type LoadedChannels } from "./records.js";

/** Which checkpoints to list, as it was read. */
export interface ListQuery {
  /** Only those before this number. */
  readonly before: number | undefined;
  readonly limit: number;
  readonly filter: Readonly<Record<string, JsonValue>>;
  readonly signal: AbortSignal | undefined;
}

const PAGE = 100;
const FIRST_NEAR = 16;

/** Thrown where a value is missing. */
class Missing extends Error {
  readonly at: Pick<StateRecord, "identity" | "kind">;

  constructor(at: Pick<StateRecord, "identity" | "kind">) {
    super();
    this.at = at;
  }
}

/** The channels of a checkpoint; `undefined` if it was removed meanwhile. CORRUPT. */
export async function loadChannels<V, Input>(
  records: CheckpointRecords<V, Input>,
  found: FoundCheckpoint,
  options: CallOptions,
): Promise<LoadedChannels | undefined> {
  return unlessRemoved(records, found, options, () => requireChannels(records, found, options));
}

/** A checkpoint with its values; `undefined` if it was removed meanwhile. CORRUPT. */
export async function loadCheckpoint<V, Input>(
  records: CheckpointRecords<V, Input>,
  found: FoundCheckpoint,
  options: CallOptions,
): Promise<Checkpoint<V> | undefined> {
  return unlessRemoved(records, found, options, async () => {
    const loaded = await requireChannels(records, found, options);
    const pool = records.pool(found.place, found.lineage);
    const channels = [...loaded.channels];
    const values = await mapInSlices(channels, async ([channel, { key }]) =>
      key === null ? [] : [[channel, await readValue(records, pool, key, options)] as const],
    );
    return {
      ...infoOf(found),
      values: Object.fromEntries(values.flat()) as Readonly<Record<string, V>>,
      versions: Object.fromEntries(channels.map(([channel, { version }]) => [channel, version])),
    };
  });
}

/** The same with what is pending for it. */
export async function loadTuple<V, Input>(
  records: CheckpointRecords<V, Input>,
  found: FoundCheckpoint,
  options: CallOptions,
): Promise<CheckpointTuple<V> | undefined> {
  const [checkpoint, stored] = await Promise.all([
    loadCheckpoint(records, found, options),
    listWrites(records.store, found.place, found.id, options),
  ]);
  if (checkpoint === undefined) return undefined;
  return unlessRemoved(records, found, options, async () => {
    const writes = await mapInSlices(stored, (record) => readWrite(records, found, record, options));
    return { checkpoint, writes: writes.sort(byPathTaskIndex) };
  });
}

/** What is pending for a checkpoint, page by page. CORRUPT. */
export async function* eachWrite<V, Input>(
  records: CheckpointRecords<V, Input>,
  place: Place,
  id: string,
  options: CallOptions,
): AsyncGenerator<PendingWrite<V>, void, undefined> {
  const { writes } = pendingKinds(writesFor(place, id));
  for await (const page of recordsUnder(records.store, place.owner, writes, options))
    for (const record of page) {
      const write = await unlessOverwritten(records, { place, id }, record, options);
      options.signal?.throwIfAborted();
      if (write !== undefined) yield write;
    }
}

/** Its large value goes with a write that is overwritten or removed. */
async function unlessOverwritten<V, Input>(
  records: CheckpointRecords<V, Input>,
  of: { readonly place: Place; readonly id: string },
  record: StateRecord,
  options: CallOptions,
): Promise<PendingWrite<V> | undefined> {
  for (let found: StateRecord | undefined = record; found !== undefined; ) {
    try {
      return await readWrite(records, of, found, options);
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      const now: StateRecord | undefined = await records.store.find(record.identity, record.kind, options);
      if (now?.eventId === found.eventId) throw corruptRecord(error.at, "the value of a write is missing");
      found = now;
    }
  }
  return undefined;
}

async function readWrite<V, Input>(
  records: CheckpointRecords<V, Input>,
  { place, id }: { readonly place: Place; readonly id: string },
  record: StateRecord,
  options: CallOptions,
): Promise<PendingWrite<V>> {
  const { header, bytes } = await decodeRecord(WRITE_CODEC, record);
  const { task, path, index, channel, version, key } = header;
  const pool = new ValuePool(records.store, place.owner, pendingKinds(writesFor(place, id)));
  const value = await (digestIn(key) === key
    ? decodeRecord(records.codec, { ...record, bytes, version })
    : readValue(records, pool, key, options));
  return { task, ...(path !== undefined && { path }), index, channel, value };
}

/** The checkpoints that match, newest first, and whether there are more. CORRUPT. */
export async function listCheckpoints<V, Input>(
  records: CheckpointRecords<V, Input>,
  place: Place,
  query: ListQuery,
): Promise<{ readonly found: FoundCheckpoint[]; readonly more: boolean }> {
  const { limit, filter, signal } = query;
  const lineage = await records.lineage(place.owner, place.lineage, { signal });
  if (lineage === undefined) return { found: [], more: false };
  const size = Object.keys(filter).length === 0 ? Math.min(limit + 1, PAGE) : PAGE;
  const found: FoundCheckpoint[] = [];
  for (let { before } = query; ; ) {
    const page = await records.page(place, lineage.record, { before, limit: size, signal });
    for (const each of page) if (hasFields(each.record.metadata, filter)) found.push(each);
    if (found.length > limit) return { found: found.slice(0, limit), more: true };
    if (page.length < size) return { found, more: false };
    before = page.at(-1)?.number;
  }
}

/** A checkpoint and its ancestors in the namespace, up to the first that does not exist. CORRUPT. */
export async function ancestors<V, Input>(
  records: CheckpointRecords<V, Input>,
  start: FoundCheckpoint,
  limit: number,
  options: CallOptions,
): Promise<CheckpointInfo[]> {
  const line = [infoOf(start)];
  // A parent mostly lies right before its child, so whole pages are read: larger ones as long as they hold what is looked for.
  let near = new Map<string, FoundCheckpoint>();
  let used = FIRST_NEAR;
  for (let child = start; line.length < limit; ) {
    const { parent } = child.record;
    if (parent === undefined) return line;
    if (!near.has(parent)) {
      const size = Math.min(PAGE, used * 2, limit - line.length);
      const page = await records.page(child.place, child.lineage, {
        before: child.number,
        limit: size,
        ...options,
      });
      near = new Map(page.map((each) => [each.id, each]));
      used = 1;
    }
    const found = near.get(parent) ?? (await records.find(child.place, parent, options));
    if (near.delete(parent)) used++;
    // A parent that was put after its child was put again under the id of one that had been removed.
    if (found === undefined || found.number >= child.number) return line;
    line.push(infoOf(found));
    child = found;
  }
  return line;
}

async function requireChannels<V, Input>(
  records: CheckpointRecords<V, Input>,
  found: FoundCheckpoint,
  options: CallOptions,
): Promise<LoadedChannels> {
  const loaded = await records.channels(found, options);
  if (loaded !== undefined) return loaded;
  const { identity, kind } = records.cell(found.place, found.number);
  throw new Missing({ identity, kind });
}

async function readValue<V, Input>(
  { codec }: CheckpointRecords<V, Input>,
  pool: ValuePool,
  key: string,
  options: CallOptions,
): Promise<V> {
  const stored = await pool.read(key, options);
  const { identity, kind } = pool.cell(key);
  if (stored === undefined) throw new Missing({ identity, kind });
  return decodeRecord(codec, { identity, kind, ...stored } as StateRecord);
}

/** A value that is missing was removed with its checkpoint or its lineage, or is damage. */
async function unlessRemoved<V, Input, R>(
  records: CheckpointRecords<V, Input>,
  { place, lineage, number, eventId }: FoundCheckpoint,
  options: CallOptions,
  read: () => Promise<R>,
): Promise<R | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    const still = await records.store.find(place.owner, checkpointKind(place, number), options);
    if (still?.eventId !== eventId) return undefined;
    // It may be one of a new lineage of this name, that was found with the record of the old one.
    const now = await records.lineage(place.owner, place.lineage, options);
    if (now?.record.pool !== lineage.pool) return undefined;
    throw corruptRecord(error.at, "a value of a checkpoint is missing");
  }
}
