import { isStateError } from "../contract/errors.js";
import type { Query, RecordPage } from "./options.js";
import { type Entry, isEntryOf } from "./pointer.js";
import { RecordPages } from "./record-pages.js";
import type { LifecycleRecords } from "./records.js";
import type { IndexEntry, List, PageRange } from "./status-index.js";
import type { LifecycleState, Whole } from "./stored.js";

type Signal = AbortSignal | undefined;

/** Entries that one call reads at most where it leaves some out: then the page ends, though there are more. */
const MAX_EXAMINED = 10_000;
/** Entries read beyond the limit, because some are left out. */
const MIN_PAGE_SIZE = 50;
/** Entries read at a time where most may be left out. */
const FILTERED_PAGE_SIZE = 1000;

/** A record that was read, with its status at that time. */
interface Found<S extends LifecycleState, C, V> extends Whole<S, C> {
  readonly bytes: number;
  readonly status: S["status"];
  readonly record: V;
}

/** Returns a page of records with one of the statuses, as of one time. CORRUPT where one is damaged. */
export async function listRecords<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  list: List,
  { statuses, limit, after, signal }: Query<S["status"]>,
): Promise<RecordPage<V>> {
  const { declared, index } = records;
  const now = records.now();
  const pages = new RecordPages<V>(limit);
  let from: string | undefined = after;
  let examined = 0;
  do {
    const page = await nextEntries(records, list, storedStatuses(records, statuses), {
      after: from,
      limit: list.only === undefined ? MIN_PAGE_SIZE + limit : FILTERED_PAGE_SIZE,
      signal,
    });
    examined += page.entries.length;
    const matching = page.entries.filter(
      (entry) => index.holds(list, entry) !== false && statuses.includes(declared.statusAt(entry, now)),
    );
    let place = 0;
    while (place < matching.length && !pages.isFull) {
      const chosen = matching.slice(place, place + pages.size);
      place += chosen.length;
      const read = await Promise.all(chosen.map((entry) => readEntry(records, entry, now, signal)));
      pages.count(
        read.length,
        read.reduce((sum, one) => sum + (one?.bytes ?? 0), 0),
      );
      for (const [n, one] of read.entries()) {
        const { key, position } = chosen[n] as IndexEntry;
        // Since the entry was read, the record may have got another status, or another value of a field.
        if (one === undefined || !statuses.includes(one.status)) continue;
        if (index.holds(list, { key, groups: index.groupsOf(one) })) pages.add(position, one.record);
      }
    }
    from = place < matching.length ? matching[place - 1]?.position : page.end;
  } while (from !== undefined && !pages.isFull && examined < MAX_EXAMINED);
  return pages.end(from);
}

/** Expired records may still be stored under the status they expire from. */
export function storedStatuses<S extends LifecycleState, C, V>(
  { declared }: LifecycleRecords<S, C, V>,
  statuses: readonly S["status"][],
): readonly S["status"][] {
  const { expired } = declared.given;
  if (expired === undefined || !statuses.includes(expired)) return statuses;
  return declared.statuses.filter(
    (status) => statuses.includes(status) || declared.expiring.includes(status),
  );
}

/** The next entries of all these statuses, down to the position `end`; all entries if `end` is absent. */
export async function nextEntries<S extends LifecycleState, C, V>(
  { index, declared }: LifecycleRecords<S, C, V>,
  list: List,
  statuses: readonly S["status"][],
  range: PageRange,
): Promise<{ readonly entries: IndexEntry<S["status"]>[]; readonly end: string | undefined }> {
  const circular = declared.circular.filter((status) => statuses.includes(status));
  const before =
    circular.length > 1 ? statuses.slice(0, statuses.indexOf(circular[0] as S["status"])) : statuses;
  const pages: IndexEntry<S["status"]>[][] = [];
  // Statuses are read in order: in parallel, a record that changes meanwhile could be missed under both statuses.
  const read = async (status: S["status"]) => pages.push(await index.page(list, status, range));
  for (const status of before) await read(status);
  // Those in which a record can go to and fro are read as of one moment, where they are not too many.
  const moment = circular.length > 1 ? await index.moment(list, circular, range) : undefined;
  if (moment !== undefined) pages.push(...moment);
  const rest = statuses.slice(before.length);
  // Otherwise they are read twice: a record that went back meanwhile is found the second time.
  const left =
    moment === undefined ? [...circular, ...rest] : rest.filter((status) => !circular.includes(status));
  for (const status of circular.length > 1 ? left : rest) await read(status);
  const ends = pages
    .filter(({ length }) => length === range.limit)
    .map((page) => page.at(-1)?.position as string);
  const end = ends.sort((a, b) => index.compare(list, a, b)).at(0);
  const entries = index
    .merge(list, pages)
    .filter(({ position }) => end === undefined || index.compare(list, position, end) <= 0);
  return { entries, end };
}

/** The current record of an entry; `undefined` if its session was erased. */
export async function readEntry<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  entry: Entry,
  now: number,
  signal: Signal,
): Promise<Found<S, C, V> | undefined> {
  const found = await records.findSized(entry.key, { signal });
  const { declared } = records;
  if (found !== undefined && isEntryOf(entry, found.whole.state)) {
    const { whole, bytes } = found;
    const status = declared.statusAt(whole.state, now);
    return { ...whole, bytes, status, record: declared.view(entry.key, whole, now) };
  }
  try {
    await records.dropOrphan(entry, signal);
  } catch (error) {
    // The result does not depend on the removal. A later call removes the entry when the store is writable again.
    if (!isStateError(error, "UNAVAILABLE")) throw error;
  }
  return undefined;
}

/** The stored record of an entry; `undefined` if its session was erased. */
export async function findEntry<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  entry: Entry,
  signal: Signal,
): Promise<Whole<S, C> | undefined> {
  const whole = await records.find(entry.key, { signal });
  return whole !== undefined && isEntryOf(entry, whole.state) ? whole : undefined;
}
