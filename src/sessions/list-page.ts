import { isStateError, type StateError } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { Identity, RecordHeader, RecordKey, StateStore } from "../contract/store.js";
import { compareText } from "../rules/order.js";
import { mapInSlices } from "../typed/slices.js";
import { timeKey } from "../typed/time.js";
import { type Activity, timeIn } from "./activity.js";
import { type EntryRange, entrySourceOf } from "./entry-source.js";
import { isDamage } from "./errors.js";
import type { Cursor, PageQuery } from "./listing.js";
import { activityOf } from "./orphaned-entries.js";
import { isTenant } from "./owners.js";
import type { EntrySource } from "./part-source.js";
import {
  type FoundEntry,
  fieldListOf,
  keyAt,
  listOf,
  MAX_LAG_MS,
  type NamedEntry,
  namedBy,
  positionOf,
  readEntry,
  type SessionList,
  USER_SEPARATOR,
} from "./session-lists.js";
import type { SessionRecords } from "./session-records.js";

/** A session in its place in the order that was asked for. */
export interface PlacedSession {
  readonly entry: Pick<FoundEntry, "session" | "slot">;
  readonly position: string;
  /** `undefined` where the session is damaged. */
  readonly activity: Activity | undefined;
  readonly damage?: StateError;
}

/** Entries read beyond a page at first: most often no more sessions have their place within the lag. */
const BEYOND_PAGE = 16;
/** Entries read at once where some are left out. */
const FILTERED_PAGE_SIZE = 200;

/** Which part of a list to read. */
interface Section extends Omit<PageQuery, "after" | "pinned" | "orderBy"> {
  readonly list: SessionList;
  readonly after: Cursor | undefined;
  /** Whether pinned sessions are left out. */
  readonly withoutPinned: boolean;
}

/** Reads pages of the lists of users and tenants. */
export class ListPages {
  readonly #store: StateStore;
  readonly #records: SessionRecords;

  constructor(store: StateStore, records: SessionRecords) {
    this.#store = store;
    this.#records = records;
  }

  /** Up to `limit` sessions, and one more if there are more. */
  async read(owner: Identity, query: PageQuery): Promise<PlacedSession[]> {
    const { pinned, orderBy, after, fields } = query;
    const [field] = fields;
    const all = field === undefined ? listOf(orderBy, false) : fieldListOf(orderBy, field);
    if (pinned === undefined || pinned === false)
      return this.#section(owner, { ...query, list: all, withoutPinned: pinned === false });
    const ofPinned = listOf(orderBy, true);
    if (pinned === true) return this.#section(owner, { ...query, list: ofPinned, withoutPinned: false });
    const isInPinned = after === undefined || after.isInPinned;
    const first = isInPinned
      ? await this.#section(owner, { ...query, list: ofPinned, withoutPinned: false })
      : [];
    const left = query.limit - first.length;
    if (left < 0) return first;
    const rest = { ...query, limit: left, list: all, withoutPinned: true };
    return [...first, ...(await this.#section(owner, { ...rest, after: isInPinned ? undefined : after }))];
  }

  /**
   * Entries may stand up to `MAX_LAG_MS` before the times of their sessions. So sessions are put in order by their own times, and
   * a page ends where no entry that was not read can belong before it.
   */
  async #section(owner: Identity, section: Section): Promise<PlacedSession[]> {
    const { limit, after, isNewestFirst } = section;
    const isFiltered = section.withoutPinned || section.fields.length > 1;
    const isBehind = (a: string, b: string) =>
      isNewestFirst ? compareText(a, b) < 0 : compareText(a, b) > 0;
    const source = entrySourceOf(this.#store, owner, () => this.#records.now());
    let range = startOf(section, owner);
    range = {
      ...range,
      limit: isFiltered ? Math.max(limit + 1, FILTERED_PAGE_SIZE) : limit + 1 + BEYOND_PAGE,
    };
    // By name: one that is touched meanwhile may be read again further behind.
    const found = new Map<string, PlacedSession>();
    for (;;) {
      const { entries, keys } = await this.#entries(source, section, range);
      for (const session of await this.#sessions(section, entries)) {
        const { user } = session.entry.slot.identity;
        const name = `${user}${USER_SEPARATOR}${session.entry.session}`;
        const position = isTenant(owner) ? `${session.position}${USER_SEPARATOR}${user}` : session.position;
        if (after === undefined || isBehind(position, after.position))
          found.set(name, { ...session, position });
        else found.delete(name);
      }
      const inOrder = [...found.values()].sort((a, b) => (isBehind(a.position, b.position) ? 1 : -1));
      const last = keys.at(-1);
      if (last === undefined || keys.length < range.limit) return inOrder.slice(0, limit + 1);
      const bound = boundAt(section, owner, last);
      // Everything unread comes behind the bound.
      const wanted = inOrder[limit];
      if (wanted !== undefined && bound !== undefined && !isBehind(wanted.position, bound))
        return inOrder.slice(0, limit + 1);
      const size = Math.min(Math.max(limit + 1, FILTERED_PAGE_SIZE, range.limit * 2), LIMITS.limit);
      range = { ...range, from: undefined, beyond: last, limit: size };
    }
  }

  /** The wanted ones of the next entries, and the keys of all. */
  async #entries(
    source: EntrySource<EntryRange>,
    section: Section,
    range: EntryRange,
  ): Promise<{
    readonly entries: readonly (FoundEntry | NamedEntry)[];
    readonly keys: readonly RecordKey[];
  }> {
    const { list, marksDamage } = section;
    try {
      const listed = await source.records(range);
      const read = await mapInSlices(listed, async (record) => {
        try {
          return await readEntry(list, record);
        } catch (error) {
          if (!marksDamage || !isDamage(error)) throw error;
          return namedBy(list, record);
        }
      });
      const entries = read.filter((entry) => entry !== undefined && isWanted(entry, section));
      return { entries: entries as (FoundEntry | NamedEntry)[], keys: listed };
    } catch (error) {
      if (!marksDamage || !isStateError(error, "CORRUPT")) throw error;
      // The store refuses to return one of the entries. The keys of all say enough.
      const headers: RecordHeader[] = await source.headers(range);
      return { entries: headers.flatMap((header) => namedBy(list, header) ?? []), keys: headers };
    }
  }

  async #sessions(section: Section, entries: readonly (FoundEntry | NamedEntry)[]): Promise<PlacedSession[]> {
    const { list, marksDamage } = section;
    const found = await Promise.all(
      entries.map(async (entry): Promise<PlacedSession[]> => {
        try {
          const activity = await this.#activity(section, entry);
          if (activity === undefined || !isWanted(flagsOf(activity), section)) return [];
          return [{ entry, activity, position: positionOf(timeIn(list.order, activity), entry.session) }];
        } catch (error) {
          if (!marksDamage || !isDamage(error)) throw error;
          return [{ entry, activity: undefined, damage: error, position: entry.position }];
        }
      }),
    );
    return found.flat();
  }

  /** `undefined` where the entry is not that of a session. */
  async #activity({ list, signal }: Section, entry: FoundEntry | NamedEntry): Promise<Activity | undefined> {
    if (!("at" in entry)) return activityOf(this.#store, this.#records, list, entry, signal);
    const { tenant, user } = entry.slot.identity;
    const owner = { tenant, user, session: entry.session };
    const { activity } = await this.#records.findActivity(owner, { signal });
    return activity?.listedAt[entry.order] === entry.at ? activity : undefined;
  }
}

/** Where to begin to read. */
function startOf({ list, status, after, isNewestFirst, signal }: Section, owner: Identity): EntryRange {
  const range = { list, status, isNewestFirst, signal, limit: 0, beyond: undefined, from: undefined };
  if (after === undefined) return range;
  if (isNewestFirst) return { ...range, beyond: keyAt(list, owner, after.position) };
  const lowest = Math.max(after.time - MAX_LAG_MS[list.order], LIMITS.earliest);
  return { ...range, from: timeKey(lowest) };
}

/** The position before which no entry behind this one belongs; `undefined` where its key says nothing. */
function boundAt({ list, isNewestFirst }: Section, owner: Identity, last: RecordKey): string | undefined {
  const named = namedBy(list, last);
  if (named === undefined) return undefined;
  if (isNewestFirst) return timeKey(named.at + MAX_LAG_MS[list.order]);
  return isTenant(owner) ? `${named.position}${USER_SEPARATOR}${last.identity.user}` : named.position;
}

type Flags = Pick<FoundEntry, "isClosed" | "isPinned" | "fields">;

/** An entry of which only the key is known may be wanted. */
function isWanted(flags: Flags | NamedEntry, { status, list, withoutPinned, fields }: Section): boolean {
  if ("at" in flags) return true;
  const { isClosed, isPinned, fields: own = [] } = flags;
  if (status !== undefined && isClosed !== (status === "closed")) return false;
  if (fields.some((field) => !own.includes(field))) return false;
  return list.isOfPinned ? isPinned : !(withoutPinned && isPinned);
}

/** Read after the entry, and so newer. */
function flagsOf({ closedAt, pinnedAt, fields }: Activity): Flags {
  return { isClosed: closedAt !== undefined, isPinned: pinnedAt !== undefined, ...(fields && { fields }) };
}
