import { LIMITS } from "../contract/limits.js";
import type { Identity, ListOptions, StateStore } from "../contract/store.js";
import { compareText } from "../rules/order.js";
import { mapInSlices } from "../typed/slices.js";
import { timeKey } from "../typed/time.js";
import { timeIn } from "./activity.js";
import type { Cursor, PageQuery } from "./listing.js";
import { findSessions, type ListedSession } from "./orphaned-entries.js";
import {
  type FoundEntry,
  listOf,
  MAX_LAG_MS,
  positionOf,
  readEntry,
  type SessionList,
} from "./session-lists.js";
import type { SessionRecords } from "./session-records.js";

/** A session in its place in the order that was asked for. */
export interface PlacedSession extends ListedSession {
  readonly position: string;
}

/** Entries read beyond a page at first: most often no more sessions have their place within the lag. */
const BEYOND_PAGE = 16;
/** Entries read at once where some are left out. */
const FILTERED_PAGE_SIZE = 200;

/** Which part of a list to read. */
interface Section extends Pick<PageQuery, "limit" | "status" | "isNewestFirst" | "signal"> {
  readonly list: SessionList;
  readonly after: Cursor | undefined;
  /** Whether pinned sessions are left out. */
  readonly withoutPinned: boolean;
}

/** Reads pages of the lists of users. */
export class ListPages {
  readonly #store: StateStore;
  readonly #records: SessionRecords;

  constructor(store: StateStore, records: SessionRecords) {
    this.#store = store;
    this.#records = records;
  }

  /** Up to `limit` sessions, and one more if there are more. */
  async read(user: Identity, query: PageQuery): Promise<PlacedSession[]> {
    const { pinned, orderBy, after } = query;
    const all = listOf(orderBy, false);
    if (pinned === undefined || pinned === false)
      return this.#section(user, { ...query, list: all, withoutPinned: pinned === false });
    const ofPinned = listOf(orderBy, true);
    if (pinned === true) return this.#section(user, { ...query, list: ofPinned, withoutPinned: false });
    const isInPinned = after === undefined || after.isInPinned;
    const first = isInPinned
      ? await this.#section(user, { ...query, list: ofPinned, withoutPinned: false })
      : [];
    const left = query.limit - first.length;
    if (left < 0) return first;
    const rest = { ...query, limit: left, list: all, withoutPinned: true };
    return [...first, ...(await this.#section(user, { ...rest, after: isInPinned ? undefined : after }))];
  }

  /**
   * Entries may stand up to `MAX_LAG_MS` before the times of their sessions. So sessions are put in order by their own times, and
   * a page ends where no entry that was not read can belong before it.
   */
  async #section(user: Identity, section: Section): Promise<PlacedSession[]> {
    const { limit, list, status, after, isNewestFirst, signal } = section;
    const isFiltered = status !== undefined || section.withoutPinned;
    const isBehind = (a: string, b: string) =>
      isNewestFirst ? compareText(a, b) < 0 : compareText(a, b) > 0;
    let size = isFiltered ? Math.max(limit + 1, FILTERED_PAGE_SIZE) : limit + 1 + BEYOND_PAGE;
    let range: Range = startOf(section);
    // By name: one that is touched meanwhile may be read again further behind.
    const found = new Map<string, PlacedSession>();
    for (;;) {
      const listed = await this.#store.list(user, list.prefix, { ...range, limit: size, signal });
      const entries = await mapInSlices(listed, (record) => readEntry(list, record));
      const matching = entries.filter((entry) => isWanted(entry, section));
      for (const session of await findSessions(this.#store, this.#records, user, list, matching, signal)) {
        const name = session.entry.session;
        const position = positionOf(timeIn(list.order, session.activity), name);
        const isAfter = after === undefined || isBehind(position, after.position);
        if (isAfter && isWanted(flagsOf(session), section)) found.set(name, { ...session, position });
        else found.delete(name);
      }
      const inOrder = [...found.values()].sort((a, b) => (isBehind(a.position, b.position) ? 1 : -1));
      const last = entries.at(-1);
      if (last === undefined || listed.length < size) return inOrder.slice(0, limit + 1);
      const bound = isNewestFirst
        ? timeKey(last.listedAt[list.order] + MAX_LAG_MS[list.order])
        : last.position;
      // Everything unread comes behind the bound.
      const wanted = inOrder[limit];
      if (wanted !== undefined && !isBehind(wanted.position, bound)) return inOrder.slice(0, limit + 1);
      range = isNewestFirst ? { reverse: true, before: last.slot.kind } : { after: last.slot.kind };
      size = Math.min(Math.max(limit + 1, FILTERED_PAGE_SIZE, size * 2), LIMITS.limit);
    }
  }
}

type Range = Pick<ListOptions, "reverse" | "before" | "from" | "after">;

/** Where to begin to read. */
function startOf({ list, after, isNewestFirst }: Section): Range {
  if (isNewestFirst) return { reverse: true, ...(after && { before: list.prefix + after.position }) };
  const lowest = after && Math.max(after.time - MAX_LAG_MS[list.order], LIMITS.earliest);
  return lowest === undefined ? {} : { from: list.prefix + timeKey(lowest) };
}

function isWanted(
  { isClosed, isPinned }: Pick<FoundEntry, "isClosed" | "isPinned">,
  { status, list, withoutPinned }: Section,
): boolean {
  if (status !== undefined && isClosed !== (status === "closed")) return false;
  return list.isOfPinned ? isPinned : !(withoutPinned && isPinned);
}

/** Read after the entry, and so newer. */
function flagsOf({
  activity: { closedAt, pinnedAt },
}: ListedSession): Pick<FoundEntry, "isClosed" | "isPinned"> {
  return { isClosed: closedAt !== undefined, isPinned: pinnedAt !== undefined };
}
