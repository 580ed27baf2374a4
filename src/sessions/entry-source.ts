import type { Identity, RecordHeader, RecordKey, StateStore } from "../contract/store.js";
import { compareText } from "../rules/order.js";
import type { SessionStatus } from "./activity.js";
import { type EntrySource, type PartRange, partSourceOf } from "./part-source.js";
import { namedBy, partsOf, prefixAt, type SessionList, USER_SEPARATOR } from "./session-lists.js";

/** Which entries of a list are read, and in which order. */
export interface EntryRange extends Omit<PartRange, "prefix"> {
  readonly list: SessionList;
  /** Only those of sessions with this status. */
  readonly status: SessionStatus | undefined;
  /** Only entries from this place on: the time with which a position begins. Not with the newest first. */
  readonly from: string | undefined;
}

/** The lists of one user, or of all users of a tenant. */
export function entrySourceOf(
  store: StateStore,
  owner: Identity,
  now: () => number,
): EntrySource<EntryRange> {
  const parts = partSourceOf(store, owner, now);
  return {
    records: (range) => readParts(range, (part) => parts.records(part)),
    headers: (range) => readParts(range, (part) => parts.headers(part)),
  };
}

/** One part of a list, or both as one. */
async function readParts<R extends RecordHeader>(
  { list, status, ...range }: EntryRange,
  read: (part: PartRange) => Promise<R[]>,
): Promise<R[]> {
  const readPart = (prefix: string) => read({ ...range, ...placesIn(list, prefix, range), prefix });
  const [part, other] = partsOf(list, status) as [string, string?];
  const first = await readPart(part);
  if (other === undefined) return first;
  const closed = await readPart(other);
  // The first part again: what was reopened between both reads was in neither.
  const now = [...closed, ...(await readPart(part))];
  const sign = range.isNewestFirst ? -1 : 1;
  return [...now, ...goneSince(list, first, now)]
    .sort((a, b) => sign * comparePlaces(list, a, b))
    .slice(0, range.limit);
}

/** What was read first and later not any more, except entries of sessions that were found elsewhere: those have moved. */
function goneSince<R extends RecordHeader>(list: SessionList, first: readonly R[], now: readonly R[]): R[] {
  const slots = new Set(now.map(({ identity: { user }, kind }) => user + USER_SEPARATOR + kind));
  const gone = first.filter(({ identity: { user }, kind }) => !slots.has(user + USER_SEPARATOR + kind));
  if (gone.length === 0) return [];
  const nameOf = (entry: R) => entry.identity.user + USER_SEPARATOR + namedBy(list, entry)?.session;
  const names = new Set(now.map(nameOf));
  return gone.filter((entry) => !names.has(nameOf(entry)));
}

/** The bounds of a range in one part of its list. */
function placesIn(
  list: SessionList,
  prefix: string,
  { beyond, from }: Pick<EntryRange, "beyond" | "from">,
): Pick<PartRange, "beyond" | "from"> {
  return {
    beyond: beyond && { identity: beyond.identity, kind: prefix + placeIn(list, beyond) },
    from: from === undefined ? undefined : prefix + from,
  };
}

function comparePlaces(list: SessionList, a: RecordKey, b: RecordKey): number {
  return compareText(placeIn(list, a), placeIn(list, b)) || compareText(a.identity.user, b.identity.user);
}

/** Where an entry stands in its part of a list. */
export function placeIn(list: SessionList, { kind }: Pick<RecordKey, "kind">): string {
  return kind.slice(prefixAt(list, kind).length);
}
