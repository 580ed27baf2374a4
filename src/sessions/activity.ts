import { optional, readTime } from "../validation/fields.js";
import { readObject } from "../validation/validate.js";

/** By which time of a session its user's list is ordered. */
export type SessionOrder = "updatedAt" | "lastEventAt";

export const ORDERS: readonly SessionOrder[] = ["updatedAt", "lastEventAt"];

/** `open` sessions take events and state, `closed` ones do not. */
export type SessionStatus = "open" | "closed";

/** The times at which a session stands in the lists of its user, one for each order. */
export type ListedAt = Readonly<Record<SessionOrder, number>>;

/** What changes with every event of a session. Times in milliseconds since 1970. */
export interface Activity {
  /** When the session was created: the same as in its record. A session created anew has another. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Absent before the first event. */
  readonly lastEventAt?: number;
  /** Present if the session is closed. */
  readonly closedAt?: number;
  /** Present if the session is pinned. */
  readonly pinnedAt?: number;
  /** The keys of the fields by which it is listed; absent if there are none. */
  readonly fields?: readonly string[];
  readonly listedAt: ListedAt;
}

/** The time that counts in an order. A session without events stands where it was created. */
export function timeIn(order: SessionOrder, activity: Omit<Activity, "listedAt">): number {
  return order === "updatedAt" ? activity.updatedAt : (activity.lastEventAt ?? activity.createdAt);
}

export function readActivity(value: unknown): Activity {
  const given = readObject(value, "activity") as Activity;
  return {
    createdAt: readTime(given.createdAt, "createdAt"),
    updatedAt: readTime(given.updatedAt, "updatedAt"),
    ...optional(given, "lastEventAt", readTime),
    ...optional(given, "closedAt", readTime),
    ...optional(given, "pinnedAt", readTime),
    ...optional(given, "fields", readKeys),
    listedAt: readListedAt(given.listedAt),
  };
}

/** Keys of fields. */
export function readKeys(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((key) => typeof key === "string" && key.includes("/")))
    return value;
  throw new Error("not the keys of fields");
}

export function readListedAt(value: unknown): ListedAt {
  const { updatedAt, lastEventAt } = readObject(value, "listedAt") as ListedAt;
  return { updatedAt: readTime(updatedAt, "updatedAt"), lastEventAt: readTime(lastEventAt, "lastEventAt") };
}
