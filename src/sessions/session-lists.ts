import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { EventId, Identity, SessionIdentity, StateRecord } from "../contract/store.js";
import { type Cell, cellAt, corruptRecord, decodeRecord } from "../typed/cell.js";
import { itemPrefix } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { readText } from "../validation/validate-text.js";
import { type Activity, type ListedAt, ORDERS, type SessionOrder, timeIn } from "./activity.js";
import { LIST_ENTRY, type ListEntry } from "./list-entry.js";
import { userOf } from "./owners.js";

/**
 * How long a session keeps its places in the lists although events are appended to it, in milliseconds. An event is then one
 * commit of two records instead of six. Whoever lists looks this much further and sorts by the sessions' own times.
 */
export const MAX_LAG_MS = 100;

/** A list of a user's sessions, in the order of a time. */
export interface SessionList {
  readonly order: SessionOrder;
  /** Only pinned sessions are in it. */
  readonly isOfPinned: boolean;
  /** The prefix of the kinds of its entries. In the order of kinds, the latest time comes last. */
  readonly prefix: string;
}

/** The first is the one that versions before 0.5 had. */
const NAMES = {
  updatedAt: ["session.index", "session.pinned"],
  lastEventAt: ["session.by-event", "session.pinned-by-event"],
} as const;

export const SESSION_LISTS: readonly SessionList[] = ORDERS.flatMap((order) =>
  NAMES[order].map((name, index) => ({ order, isOfPinned: index === 1, prefix: itemPrefix(name) })),
);

export function listOf(order: SessionOrder, isOfPinned: boolean): SessionList {
  return SESSION_LISTS.find((list) => list.order === order && list.isOfPinned === isOfPinned) as SessionList;
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

/** In the order of positions, sessions are in the order of the time. */
export function positionOf(time: number, session: string): string {
  return `${timeKey(time)}.${session}`;
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

/** Decodes an entry. CORRUPT where its kind and its value have different times. */
export async function readEntry({ order }: SessionList, stored: StateRecord): Promise<FoundEntry> {
  const { identity, kind, eventId, version } = stored;
  const entry = await decodeRecord(LIST_ENTRY, stored);
  const position = kind.slice(kind.indexOf("/") + 1);
  const [, time, session] = POSITION.exec(position) ?? [];
  if (session === undefined || time !== timeKey(entry.listedAt[order]))
    throw corruptRecord(stored, "an entry in a list of sessions is not where it belongs");
  return { ...entry, session, position, slot: { identity, kind }, eventId, isOld: version === 0 };
}

/** The cell of a session's entry in a list. */
export function entryCell(
  owner: SessionIdentity,
  { order, prefix }: SessionList,
  at: ListedAt,
): Cell<ListEntry> {
  return cellAt(userOf(owner), prefix + positionOf(at[order], owner.session), LIST_ENTRY);
}

/** The cells of all entries of a session; each of them holds the same. */
export function entryCellsOf(
  owner: SessionIdentity,
  { listedAt, isPinned }: Pick<ListEntry, "listedAt" | "isPinned">,
): Cell<ListEntry>[] {
  return SESSION_LISTS.filter(({ isOfPinned }) => isPinned || !isOfPinned).map((list) =>
    entryCell(owner, list, listedAt),
  );
}

/**
 * Writes the entries of a session whose activity changes, and deletes those that it had before. Returns the activity with
 * its places. Nothing is written while the places may still stand for the times: all entries move together, so the event of
 * one says whether any was moved.
 */
export function moveEntries(
  transaction: Transaction,
  owner: SessionIdentity,
  before: Activity | undefined,
  now: Omit<Activity, "listedAt">,
): Activity {
  if (before !== undefined && mayStay(before, now)) return { ...now, listedAt: before.listedAt };
  const listedAt = { updatedAt: timeIn("updatedAt", now), lastEventAt: timeIn("lastEventAt", now) };
  const moved = { ...now, listedAt };
  if (before !== undefined) for (const cell of entryCellsOf(owner, entryOf(before))) transaction.delete(cell);
  writeEntries(transaction, owner, moved);
  return moved;
}

/** Writes all entries of a session where its activity says that they stand. */
export function writeEntries(transaction: Transaction, owner: SessionIdentity, activity: Activity): void {
  const entry = entryOf(activity);
  for (const cell of entryCellsOf(owner, entry)) void transaction.set(cell, entry);
}

function entryOf({ createdAt, listedAt, closedAt, pinnedAt }: Activity): ListEntry {
  return { createdAt, listedAt, isClosed: closedAt !== undefined, isPinned: pinnedAt !== undefined };
}

function mayStay({ listedAt, closedAt, pinnedAt }: Activity, now: Omit<Activity, "listedAt">): boolean {
  const isAlike =
    (closedAt === undefined) === (now.closedAt === undefined) &&
    (pinnedAt === undefined) === (now.pinnedAt === undefined);
  return (
    isAlike &&
    ORDERS.every((order) => {
      const lag = timeIn(order, now) - listedAt[order];
      return lag >= 0 && lag < MAX_LAG_MS;
    })
  );
}
