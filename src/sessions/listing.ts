import { invalid, type StateError } from "../contract/errors.js";
import type { CallOptions, SessionIdentity } from "../contract/store.js";
import { readInteger, readNamed, readOneOf, readSignal } from "../validation/validate.js";
import { readName } from "../validation/validate-text.js";
import { ORDERS, type SessionOrder, type SessionStatus } from "./activity.js";
import type { FieldFilter, MetadataFields } from "./fields.js";
import type { Session } from "./session.js";
import { readPosition, USER_SEPARATOR } from "./session-lists.js";

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
  /**
   * Only sessions whose metadata have these values in fields that `createSessions` was given as `fields`. Absent: all. A page
   * costs what it shows; of several fields, the first one is sought, and sessions without the others are passed over.
   */
  readonly metadata?: FieldFilter;
}

/** The same for a list that goes on behind sessions that cannot be read. */
export interface MarkingListOptions extends ListSessionsOptions {
  /** What cannot be read comes as a `DamagedSession`. Otherwise the list rejects with its error. */
  readonly damaged: "mark";
}

/** What `count` counts. */
export type CountSessionsOptions = Pick<ListSessionsOptions, "status" | "pinned" | "metadata" | "signal">;

/** A session that cannot be read, where the caller asked for `damaged: "mark"`. `repair` or `delete` it. */
export interface DamagedSession {
  /** Whose it is. */
  readonly identity: SessionIdentity;
  /** CORRUPT, or SCHEMA_TOO_NEW if a newer release wrote it. */
  readonly damage: StateError;
  /** Nobody knows. */
  readonly status?: undefined;
  /** Nobody knows. */
  readonly metadata?: undefined;
}

/** A page of sessions of which some may be damaged. */
export interface MarkedSessionPage<M> extends Omit<SessionPage<M>, "sessions"> {
  /** In the order that was asked for. */
  readonly sessions: readonly (Session<M> | DamagedSession)[];
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
  /** The keys of fields that sessions must have. */
  readonly fields: readonly string[];
  readonly marksDamage: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The last session that the caller has seen. */
export interface Cursor {
  readonly position: string;
  readonly time: number;
  /** Of a list with pinned ones first: it was one of these. */
  readonly isInPinned: boolean;
  /** Of a list of all users of a tenant. */
  readonly isOfTenant: boolean;
}

const OPTIONS = ["limit", "after", "status", "orderBy", "order", "pinned", "metadata", "damaged", "signal"];
const STATUSES = ["open", "closed"] as const;
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1000;
const IN_PINNED = "pinned.";
const OF_USER = "user.";

export function readPageQuery(
  options: ListSessionsOptions & Partial<MarkingListOptions> = {},
  declared: MetadataFields,
  isOfTenant: boolean,
): PageQuery {
  readNamed(options, "options", OPTIONS);
  const { limit, after, orderBy, order, pinned, damaged } = options;
  const query = {
    limit: "limit" in options ? readInteger(limit, "limit", 1, MAX_LIMIT) : DEFAULT_LIMIT,
    after: after === undefined ? undefined : readCursorOf(isOfTenant, after),
    orderBy: "orderBy" in options ? readOneOf(orderBy, "orderBy", ORDERS) : "updatedAt",
    isNewestFirst:
      !("order" in options) || readOneOf(order, "order", ["newest", "oldest"] as const) === "newest",
    marksDamage: "damaged" in options && readOneOf(damaged, "damaged", ["mark"] as const) === "mark",
    ...readFilters(options, declared),
  };
  if (query.after?.isInPinned && pinned !== "first")
    throw invalid("after", "the next of a page of the same list");
  return query;
}

/** What is counted. */
export function readCountQuery(options: CountSessionsOptions = {}, declared: MetadataFields) {
  readNamed(options, "options", ["status", "pinned", "metadata", "signal"]);
  const { pinned, ...query } = readFilters(options, declared);
  return { ...query, pinned: pinned === "first" ? undefined : pinned };
}

function readFilters(options: CountSessionsOptions, declared: MetadataFields) {
  return {
    status: "status" in options ? readOneOf(options.status, "status", STATUSES) : undefined,
    pinned: "pinned" in options ? readPinned(options.pinned) : undefined,
    fields: "metadata" in options ? declared.readFilter(options.metadata) : [],
    signal: readSignal(options),
  };
}

/** The `next` of a page whose last session stands there. */
export function cursorAt(position: string, isInPinned: boolean): string {
  const [place, user] = position.split(USER_SEPARATOR);
  const whole =
    user === undefined ? position : `${OF_USER}${Buffer.from(user).toString("base64url")}.${place}`;
  return isInPinned ? IN_PINNED + whole : whole;
}

/** The `next` of a page of a user's list or of a tenant's. INVALID_RECORD. */
export function readCursorOf(isOfTenant: boolean, value: unknown): Cursor {
  const cursor = readCursor(value);
  if (cursor.isOfTenant !== isOfTenant) throw invalid("after", "the next of a page of the same list");
  return cursor;
}

function readCursor(value: unknown): Cursor {
  const isInPinned = typeof value === "string" && value.startsWith(IN_PINNED);
  const place = isInPinned ? value.slice(IN_PINNED.length) : value;
  const isOfTenant = typeof place === "string" && place.startsWith(OF_USER);
  if (!isOfTenant) return { ...readPosition(place, "after"), isInPinned, isOfTenant };
  const [user = ""] = place.slice(OF_USER.length).split(".", 1);
  const { position, time } = readPosition(place.slice(OF_USER.length + user.length + 1), "after");
  const name = readName(Buffer.from(user, "base64url").toString(), "after");
  return { position: position + USER_SEPARATOR + name, time, isInPinned, isOfTenant };
}

function readPinned(value: unknown): boolean | "first" {
  if (value === true || value === false || value === "first") return value;
  throw invalid("pinned", 'true, false or "first"');
}
