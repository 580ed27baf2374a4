import type { CallOptions, Identity, RecordHeader, StateStore } from "../contract/store.js";
import { RecordPages } from "../lifecycle/record-pages.js";
import type { Clock } from "../typed/time.js";
import type { IsWanted } from "./filter.js";
import type { Memory, MemoryPage } from "./memory.js";
import { isLive, memoryAt, memoryCell, NEWEST, readPosition, seenMemory } from "./stored-memory.js";

/** Which memories are read. */
interface Range extends CallOptions {
  readonly isWanted: IsWanted;
  readonly limit: number;
  /** Behind this position. */
  readonly after: string | undefined;
}

const ENTRIES = 200;
/** So many memories are read for one page at most. */
const MOST_READ = 10_000;

/** A page of memories, those added last first. CORRUPT where one is damaged. */
export async function readNewest(
  store: StateStore,
  owner: Identity,
  now: Clock,
  { isWanted, limit, after, signal }: Range,
): Promise<MemoryPage> {
  const pages = new RecordPages<Memory>(limit);
  let from = after;
  let looked = 0;
  do {
    const before = from === undefined ? undefined : NEWEST + from;
    const page = await store.list(owner, NEWEST, {
      before,
      reverse: true,
      limit: ENTRIES,
      bytes: false,
      signal,
    });
    looked += page.length;
    let place = 0;
    while (place < page.length && !pages.isFull) {
      const some = page.slice(place, place + pages.size);
      place += some.length;
      const read = await Promise.all(some.map((entry) => readEntry(store, owner, entry, signal)));
      pages.count(
        read.length,
        read.reduce((sum, { bytes }) => sum + bytes, 0),
      );
      for (const { position, memory } of read) {
        const live = memory && memoryAt(memory, now());
        if (live !== undefined && isWanted(live)) pages.add(position, live);
      }
    }
    const last = page[place - 1];
    const isAll = place === page.length && page.length < ENTRIES;
    from = isAll ? undefined : last?.kind.slice(NEWEST.length);
  } while (from !== undefined && !pages.isFull && looked < MOST_READ);
  const { records, next } = pages.end(from);
  // The first ones may have ended while the others were read.
  const memories = records.filter((memory) => isLive(memory, now()));
  return { memories, ...(next !== undefined && { next }) };
}

/** The memory of an entry. A damaged one that was deleted leaves its entry behind, which leads nowhere. */
async function readEntry(
  store: StateStore,
  owner: Identity,
  { kind }: RecordHeader,
  signal: AbortSignal | undefined,
) {
  const position = kind.slice(NEWEST.length);
  const { id } = readPosition(position, "kind");
  const record = await store.find(owner, memoryCell({ owner, id }).kind, { signal });
  return { position, bytes: record?.bytes.length ?? 0, memory: record && (await seenMemory(record)) };
}
