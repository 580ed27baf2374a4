import { invalid } from "../contract/errors.js";
import type { CallOptions } from "../contract/store.js";
import { readInteger, readNamed, readOneOf, readSignal } from "../validation/validate.js";
import { ORDERS, type SessionOrder } from "./activity.js";
import type { Session, SessionStatus } from "./session.js";
import { readPosition } from "./session-lists.js";

/** Which sessions `list` returns, and in which order. */
export interface ListSessionsOptions extends CallOptions {
  /** 1 to 1,000. Default 50. */
  readonly limit?: number;
  /** The `next` of the page before, of the same list. Absent or `undefined`: the first page. */
  readonly after?: string | undefined;
  /** Only open or only closed ones. Absent: all. */
  readonly status?: SessionStatus;
  /** The time that orders the list. A session without events has the time of its creation for `lastEventAt`. Default `updatedAt`. */
  readonly orderBy?: SessionOrder;
  /** `newest`, the default: the latest time first. `oldest`: the earliest, such as what has been idle for longest. */
  readonly order?: "newest" | "oldest";
  /** `true`: only pinned ones. `false`: only the others. `"first"`: pinned ones before the others. Absent: all, in one order. */
  readonly pinned?: boolean | "first";
}

/** A page of sessions. */
export interface SessionPage<M> {
  /** In the order that was asked for. */
  readonly sessions: readonly Session<M>[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
}

/** What to list. */
export interface PageQuery {
  readonly limit: number;
  readonly after: Cursor | undefined;
  readonly status: SessionStatus | undefined;
  readonly orderBy: SessionOrder;
  readonly isNewestFirst: boolean;
  readonly pinned: ListSessionsOptions["pinned"] | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The last session that the caller has seen. */
export interface Cursor {
  readonly position: string;
  readonly time: number;
  /** Of a list with pinned ones first: it was one of these. */
  readonly isInPinned: boolean;
}

const OPTIONS = ["limit", "after", "status", "orderBy", "order", "pinned", "signal"];
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1000;
const IN_PINNED = "pinned.";

export function readPageQuery(options: ListSessionsOptions = {}): PageQuery {
  readNamed(options, "options", OPTIONS);
  const { limit, after, status, orderBy, order, pinned } = options;
  const query = {
    limit: "limit" in options ? readInteger(limit, "limit", 1, MAX_LIMIT) : DEFAULT_LIMIT,
    after: after === undefined ? undefined : readCursor(after),
    status: "status" in options ? readOneOf(status, "status", ["open", "closed"] as const) : undefined,
    orderBy: "orderBy" in options ? readOneOf(orderBy, "orderBy", ORDERS) : "updatedAt",
    isNewestFirst:
      !("order" in options) || readOneOf(order, "order", ["newest", "oldest"] as const) === "newest",
    pinned: "pinned" in options ? readPinned(pinned) : undefined,
    signal: readSignal(options),
  };
  if (query.after?.isInPinned && pinned !== "first")
    throw invalid("after", "the next of a page of the same list");
  return query;
}

/** The `next` of a page whose last session stands there. */
export function cursorAt(position: string, isInPinned: boolean): string {
  return isInPinned ? IN_PINNED + position : position;
}

function readCursor(value: unknown): Cursor {
  const isInPinned = typeof value === "string" && value.startsWith(IN_PINNED);
  const { position, time } = readPosition(isInPinned ? value.slice(IN_PINNED.length) : value, "after");
  return { position, time, isInPinned };
}

function readPinned(value: unknown): boolean | "first" {
  if (value === true || value === false || value === "first") return value;
  throw invalid("pinned", 'true, false or "first"');
}
