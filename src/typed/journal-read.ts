import { isStateError, type StateError } from "../contract/errors.js";
import type { Identity, ListOptions, StateRecord, StateStore } from "../contract/store.js";
import { corruptRecord } from "./cell.js";
import { findCell } from "./cell-operations.js";
import { type Bounds, EMPTY_HEAD } from "./journal-bounds.js";
import type { RedactedEntry, RemovedEntries, StoredEntry, ValueEntry } from "./journal-entry.js";
import { findGaps, type Span } from "./journal-gaps.js";
import type { JournalPlaces } from "./journal-places.js";
import { mapInSlices } from "./slices.js";

/** Which entries `read` returns. */
export interface ReadOptions extends Pick<ListOptions, "limit" | "reverse" | "signal"> {
  /** The number to begin at: with `reverse` the highest, otherwise the lowest. */
  readonly from?: number | undefined;
}

/** Numbers `from` to `number` whose records are damaged or missing. More than one only where they are missing. */
export interface DamagedEntry extends Span {
  readonly is: "damaged";
  readonly error: StateError;
}

/** An entry as a read finds it. */
export type FoundEntry = ValueEntry | RedactedEntry | DamagedEntry;

/** A read of one journal. */
export interface JournalRead extends ReadOptions {
  readonly owner: Identity;
  /** What is damaged or missing is among the entries. Otherwise it is CORRUPT. */
  readonly marksDamage: boolean;
}

/** What a record accounts for. */
type Spanning = StoredEntry | DamagedEntry;

/** The entries from a number on. They come from one snapshot unless a `limit` made it skip numbers that were taken back. */
export async function readStored(
  store: StateStore,
  places: JournalPlaces,
  read: JournalRead,
): Promise<FoundEntry[]> {
  const { owner, limit, reverse, signal } = read;
  const head = places.head(owner);
  for (;;) {
    const before = await findCell(store, head, { signal });
    const bounds = before?.value ?? EMPTY_HEAD;
    const found = await listSpans(store, places, read, bounds);
    // Entries without bounds are on their way: those of a session that is moved here are all there once it is.
    if (before === undefined && found.length > 0) {
      if ((await findCell(store, head, { signal })) !== undefined) continue;
      return [];
    }
    const hasEnough = limit !== undefined && withoutRemoved(found).length >= limit;
    const gaps = findGaps(found.map(spanOf), read, bounds, hasEnough);
    const missing = await withoutCut(store, places, read, gaps);
    const [gap] = missing;
    if (gap === undefined) return inOrder(withoutRemoved(found), read);
    // The entry may have been trimmed or erased after the bounds were read. If the bounds changed, read again.
    const after = await findCell(store, head, { signal });
    if (after?.eventId !== before?.eventId) continue;
    const asDamage = ({ from, number }: Span): DamagedEntry => {
      const error = corruptRecord(places.entry(owner, from), "an entry of the journal is missing");
      return { is: "damaged", from, number, error };
    };
    if (!read.marksDamage) throw asDamage(reverse ? (missing.at(-1) as Span) : gap).error;
    const whole = [...withoutRemoved(found), ...missing.map(asDamage)].sort((a, b) => a.number - b.number);
    return inOrder(whole, read);
  }
}

/** Lists until there are `limit` entries that were not taken back. In ascending order. */
async function listSpans(
  store: StateStore,
  places: JournalPlaces,
  { owner, from, limit, reverse = false, signal, marksDamage }: JournalRead,
  { first }: Bounds,
): Promise<Spanning[]> {
  // Records before `first` are of trimmed entries, not removed yet.
  const lowest = reverse ? first : Math.max(from ?? first, first);
  let range: ListOptions = { reverse, from: places.kind(lowest), signal };
  if (reverse && from !== undefined) range = { ...range, before: places.kind(from + 1) };
  let found: Spanning[] = [];
  for (;;) {
    const wanted = limit === undefined ? undefined : limit - withoutRemoved(found).length;
    const list = marksDamage ? listAround : listRecords;
    const listed = await list(store, places, owner, { ...range, limit: wanted });
    const spans = await mapInSlices(listed, (item) => spanningOf(places, item, marksDamage));
    found = reverse ? [...spans.reverse(), ...found] : [...found, ...spans];
    const last = listed.at(-1);
    if (last === undefined || wanted === undefined || listed.length < wanted) return found;
    if (limit !== undefined && withoutRemoved(found).length >= limit) return found;
    range = { ...range, [reverse ? "before" : "after"]: last.kind };
  }
}

type Listed = StateRecord | { readonly kind: string; readonly error: StateError<"CORRUPT"> };

function listRecords(
  store: StateStore,
  { prefix }: JournalPlaces,
  owner: Identity,
  range: ListOptions,
): Promise<Listed[]> {
  return store.list(owner, prefix, range);
}

/** The same, with an error in the place of each record that the store refuses to return. */
async function listAround(
  store: StateStore,
  places: JournalPlaces,
  owner: Identity,
  range: ListOptions,
): Promise<Listed[]> {
  const listed: Listed[] = [];
  const isFull = () => range.limit !== undefined && listed.length >= range.limit;
  let rest = range;
  while (!isFull()) {
    const limit = range.limit === undefined ? undefined : range.limit - listed.length;
    try {
      listed.push(...(await store.list(owner, places.prefix, { ...rest, limit })));
      break;
    } catch (error) {
      if (!isStateError(error, "CORRUPT")) throw error;
      const kind = error.details.at?.kind;
      if (kind === undefined || !kind.startsWith(places.prefix)) throw error;
      const [onThisSide, beyond] = range.reverse
        ? (["after", "before"] as const)
        : (["before", "after"] as const);
      listed.push(...(await listAround(store, places, owner, { ...rest, limit, [onThisSide]: kind })));
      if (isFull()) break;
      listed.push({ kind, error });
      rest = { ...rest, [beyond]: kind };
    }
  }
  return listed;
}

async function spanningOf(places: JournalPlaces, item: Listed, marksDamage: boolean): Promise<Spanning> {
  try {
    if ("error" in item) throw item.error;
    return await places.read(item);
  } catch (error) {
    if (!marksDamage || !isStateError(error, "CORRUPT")) throw error;
    const number = Number(item.kind.slice(places.prefix.length));
    // A record that is nobody's entry has no place in the order of numbers.
    if (places.kind(number) !== item.kind) throw error;
    return { is: "damaged", from: number, number, error };
  }
}

/** A read downwards may begin among numbers that were taken back: their record is above. */
async function withoutCut(
  store: StateStore,
  places: JournalPlaces,
  { owner, from, reverse, signal, marksDamage }: JournalRead,
  gaps: readonly Span[],
): Promise<readonly Span[]> {
  const last = gaps.at(-1);
  if (!reverse || from === undefined || last?.number !== from) return gaps;
  const list = marksDamage ? listAround : listRecords;
  const [above] = await list(store, places, owner, { after: places.kind(from), limit: 1, signal });
  const entry = above && (await spanningOf(places, above, marksDamage));
  if (entry?.is !== "removed" || entry.from > from) return gaps;
  const others = gaps.slice(0, -1);
  return entry.from > last.from ? [...others, { from: last.from, number: entry.from - 1 }] : others;
}

/** Leaves out what was taken back, also where the same read saw it before. */
function withoutRemoved(found: readonly Spanning[]): FoundEntry[] {
  const kept: FoundEntry[] = [];
  for (const entry of found) {
    if (entry.is !== "removed") kept.push(entry);
    else while ((kept.at(-1)?.number ?? 0) >= entry.from) kept.pop();
  }
  return kept;
}

function spanOf(entry: Spanning): Span {
  const { number } = entry;
  return { number, from: isSpan(entry) ? entry.from : number };
}

function isSpan(entry: Spanning): entry is RemovedEntries | DamagedEntry {
  return entry.is === "removed" || entry.is === "damaged";
}

function inOrder(entries: FoundEntry[], { limit, reverse }: ReadOptions): FoundEntry[] {
  const ordered = reverse ? entries.reverse() : entries;
  return limit === undefined ? ordered : ordered.slice(0, limit);
}
