import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { EventId, Identity, RecordKey, SessionIdentity, StateRecord } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { type Cell, cellAt, corruptRecord, decodeRecord } from "../typed/cell.js";
import { itemPrefix } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { readText } from "../validation/validate-text.js";
import {
  type Activity,
  type ListedAt,
  ORDERS,
  type SessionOrder,
  type SessionStatus,
  timeIn,
} from "./activity.js";
import { LIST_ENTRY, type ListEntry } from "./list-entry.js";
import { userOf } from "./owners.js";

/**
 * How long a session keeps its place in the lists of an order although its time goes on, in milliseconds. An event is then
 * one commit of two records. Whoever lists looks this much further and sorts by the sessions' own times: so the time is short
 * in the order that people look at all the time, where many sessions of one moment would all be read.
 */
export const MAX_LAG_MS: Readonly<Record<SessionOrder, number>> = { updatedAt: 20, lastEventAt: 1_000 };

/**
 * A list of a user's sessions, in the order of a time. It is kept in two parts, so that a page of the open ones costs nothing
 * where most are closed, and the other way round. A session moves from one to the other when it is closed or reopened.
 */
export interface SessionList {
  readonly order: SessionOrder;
  /** Only pinned sessions are in it. */
  readonly isOfPinned: boolean;
  /** Only sessions with this key of a field are in it. */
  readonly field?: string;
  /**
   * The prefix of the kinds of its entries of open sessions. In the order of kinds, the latest time comes last. What a version
   * before 0.5 wrote is under it too if the session is closed.
   */
  readonly prefix: string;
  /** The same of closed sessions. */
  readonly closedPrefix: string;
}

/** What the name of a list has more in the kinds of closed sessions. */
const CLOSED = ".closed";

/** The first is the one that versions before 0.5 had. */
const NAMES = {
  updatedAt: ["session.index", "session.pinned"],
  lastEventAt: ["session.by-event", "session.pinned-by-event"],
} as const;

export const SESSION_LISTS: readonly SessionList[] = ORDERS.flatMap((order) =>
  NAMES[order].map((name, index) => ({ order, isOfPinned: index === 1, ...prefixesOf(name) })),
);

const FIELD_NAMES = { updatedAt: "session.field", lastEventAt: "session.field-by-event" } as const;

/** Where the lists of sessions with a value of a field are, of all values. */
export const FIELD_LISTS = ORDERS.map((order) => ({ order, prefix: itemPrefix(FIELD_NAMES[order]) }));

/** The list of sessions with a key of a field. */
export function fieldListOf(order: SessionOrder, field: string): SessionList {
  return { order, isOfPinned: false, field, ...prefixesOf(itemPrefix(FIELD_NAMES[order]) + field) };
}

/** The list of sessions with a value of a field to which an entry of this kind belongs. */
export function fieldListAt({ order, prefix }: (typeof FIELD_LISTS)[number], kind: string): SessionList {
  const [name, digest = ""] = kind.slice(prefix.length).split("/", 2);
  return fieldListOf(order, `${name}/${digest.endsWith(CLOSED) ? digest.slice(0, -CLOSED.length) : digest}`);
}

function prefixesOf(name: string): Pick<SessionList, "prefix" | "closedPrefix"> {
  return { prefix: `${name}/`, closedPrefix: `${name}${CLOSED}/` };
}

/** The prefix of the part of a list to which an entry of this kind belongs. */
export function prefixAt({ prefix, closedPrefix }: SessionList, kind: string): string {
  return kind.startsWith(closedPrefix) ? closedPrefix : prefix;
}

/** The prefixes of the parts of a list in which sessions with a status are. */
export function partsOf({ prefix, closedPrefix }: SessionList, status: SessionStatus | undefined): string[] {
  if (status === undefined) return [prefix, closedPrefix];
  return [status === "open" ? prefix : closedPrefix];
}

/** With what the kinds of both parts of a list begin; those of others may too. */
export function nameOf({ prefix }: SessionList): string {
  return prefix.slice(0, -1);
}

/** The bounds between which the kinds of both parts are, and no others: `name.closed/` is next to `name/`. */
export function kindsOf(list: SessionList): { readonly from: string; readonly before: string } {
  return { from: `${nameOf(list)}.`, before: `${nameOf(list)}0` };
}

export function listOf(order: SessionOrder, isOfPinned: boolean): SessionList {
  return SESSION_LISTS.find((list) => list.order === order && list.isOfPinned === isOfPinned) as SessionList;
}

/** An entry of a list as its key names it. */
export interface NamedEntry extends Pick<FoundEntry, "session" | "position" | "slot"> {
  readonly order: SessionOrder;
  readonly at: number;
}

/** An entry of a list, as it was read. */
export interface FoundEntry extends ListEntry {
  readonly session: string;
  /** Where it stands: a time and the session's name. */
  readonly position: string;
  readonly slot: { readonly identity: Identity; readonly kind: string };
  readonly eventId: EventId;
  /** A version before 0.5 wrote it. */
  readonly isOld: boolean;
}

/** A time and the session's name, which distinguishes sessions of the same millisecond. */
const POSITION = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\.(.+)$/su;

/** In a list of all users of a tenant, the name of the user follows a position. No name has this character. */
export const USER_SEPARATOR = "\0";

/** In the order of positions, sessions are in the order of the time. */
export function positionOf(time: number, session: string): string {
  return `${timeKey(time)}.${session}`;
}

/** The key of the entry that stands at a position, in the list of a user or of a tenant. */
export function keyAt({ prefix }: SessionList, owner: Identity, position: string): RecordKey {
  const [place, user] = position.split(USER_SEPARATOR);
  return {
    identity: user === undefined ? owner : userIdentity(owner.tenant, user),
    kind: `${prefix}${place}`,
  };
}

/** The time of a position. INVALID_RECORD for what is none. */
export function readPosition(
  value: unknown,
  field: string,
): { readonly position: string; readonly time: number } {
  const position = readText(value, field, LIMITS.kindBytes);
  const [, time = ""] = POSITION.exec(position) ?? [];
  const at = Date.parse(time);
  if (Number.isNaN(at)) throw invalid(field, "the next of another page");
  return { position, time: at };
}

/** What the key of an entry says: enough to find its session where the entry itself is damaged. */
export function namedBy(list: SessionList, { kind, identity }: RecordKey): NamedEntry | undefined {
  const { order } = list;
  const position = kind.slice(prefixAt(list, kind).length);
  const [, time = "", session] = POSITION.exec(position) ?? [];
  const at = Date.parse(time);
  if (session === undefined || Number.isNaN(at)) return undefined;
  return { session, position, order, at, slot: { identity, kind } };
}

/** Decodes an entry. CORRUPT where its kind and its value have different times, or only one of them says that it is closed. */
export async function readEntry(list: SessionList, stored: StateRecord): Promise<FoundEntry> {
  const { identity, kind, eventId, version } = stored;
  const entry = await decodeRecord(LIST_ENTRY, stored);
  const prefix = prefixAt(list, kind);
  const position = kind.slice(prefix.length);
  const [, time, session] = POSITION.exec(position) ?? [];
  // Versions before 0.5 had one list, with open and closed sessions.
  const part = version === 0 ? listOf("updatedAt", false).prefix : partOf(list, entry.isClosed);
  if (session === undefined || time !== timeKey(entry.listedAt[list.order]) || prefix !== part)
    throw corruptRecord(stored, "an entry in a list of sessions is not where it belongs");
  return { ...entry, session, position, slot: { identity, kind }, eventId, isOld: version === 0 };
}

function partOf({ prefix, closedPrefix }: SessionList, isClosed: boolean): string {
  return isClosed ? closedPrefix : prefix;
}

/** The cell of a session's entry in a list. */
export function entryCell(
  owner: SessionIdentity,
  list: SessionList,
  { listedAt, isClosed }: Pick<ListEntry, "listedAt" | "isClosed">,
): Cell<ListEntry> {
  const kind = partOf(list, isClosed) + positionOf(listedAt[list.order], owner.session);
  return cellAt(userOf(owner), kind, LIST_ENTRY);
}

/** The cell of the entry in the first list of a session that is stored as it is. */
export function firstEntryCell(owner: SessionIdentity, { listedAt, closedAt }: Activity, isOld: boolean) {
  const isClosed = closedAt !== undefined && !isOld;
  return entryCell(owner, listOf("updatedAt", false), { listedAt, isClosed });
}

/** What says in which lists a session is, and where. */
type ListEntryFlags = Pick<ListEntry, "listedAt" | "isClosed" | "isPinned" | "fields">;

/** The cells of all entries of a session, except those that are left. */
export function entryCellsOf(
  owner: SessionIdentity,
  { listedAt, isClosed, isPinned, fields = [] }: ListEntryFlags,
  isLeft: (list: SessionList) => boolean = () => false,
): Cell<ListEntry>[] {
  const byField = ORDERS.flatMap((order) => fields.map((field) => fieldListOf(order, field)));
  return [...SESSION_LISTS.filter((list) => isPinned || !list.isOfPinned), ...byField]
    .filter((list) => !isLeft(list))
    .map((list) => entryCell(owner, list, { listedAt, isClosed }));
}

/**
 * Writes the entries of a session whose activity changes, and deletes those that it had before. Returns the activity with
 * its places. Entries that may still stand for their times are left. The one in the first list is written whenever any other
 * is, so its event says whether one was.
 */
export function moveEntries(
  transaction: Transaction,
  owner: SessionIdentity,
  before: Activity | undefined,
  now: Omit<Activity, "listedAt">,
): Activity {
  const was = before && isAlike(before, now) ? before.listedAt : undefined;
  const lastEventAt = placeIn("lastEventAt", was, now);
  const updatedAt = lastEventAt === was?.lastEventAt ? placeIn("updatedAt", was, now) : now.updatedAt;
  const moved = { ...now, listedAt: { updatedAt, lastEventAt } };
  if (lastEventAt === was?.lastEventAt && updatedAt === was.updatedAt) return moved;
  const isLeft = ({ order }: SessionList) => order === "lastEventAt" && lastEventAt === was?.lastEventAt;
  if (before !== undefined)
    for (const cell of entryCellsOf(owner, entryOf(before), isLeft)) transaction.delete(cell);
  writeEntries(transaction, owner, moved, isLeft);
  return moved;
}

/** The place of before, if it may still stand for the time. */
function placeIn(order: SessionOrder, was: ListedAt | undefined, now: Omit<Activity, "listedAt">): number {
  const time = timeIn(order, now);
  const lag = was === undefined ? -1 : time - was[order];
  return was !== undefined && lag >= 0 && lag < MAX_LAG_MS[order] ? was[order] : time;
}

/** Writes all entries of a session where its activity says that they stand, except those that are left. */
export function writeEntries(
  transaction: Transaction,
  owner: SessionIdentity,
  activity: Activity,
  isLeft?: (list: SessionList) => boolean,
): void {
  const entry = entryOf(activity);
  for (const cell of entryCellsOf(owner, entry, isLeft)) void transaction.set(cell, entry);
}

/** What the entries of a session say. */
export function entryOf({ createdAt, listedAt, closedAt, pinnedAt, fields }: Activity): ListEntry {
  const flags = { isClosed: closedAt !== undefined, isPinned: pinnedAt !== undefined };
  return { createdAt, listedAt, ...flags, ...(fields && { fields }) };
}

/** Whether the entries of both say the same, apart from the places. */
function isAlike(before: Activity, now: Omit<Activity, "listedAt">): boolean {
  return (
    (before.closedAt === undefined) === (now.closedAt === undefined) &&
    (before.pinnedAt === undefined) === (now.pinnedAt === undefined) &&
    before.fields?.join() === now.fields?.join()
  );
}
