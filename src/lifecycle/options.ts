import { invalid } from "../contract/errors.js";
import type { CallOptions, Identity, SessionIdentity } from "../contract/store.js";
import { tenantIdentity, userIdentity } from "../identity/identity.js";
import { copySession } from "../typed/cell.js";
import { readFlag } from "../validation/fields.js";
import {
  readInteger,
  readLimit,
  readNamed,
  readOneOf,
  readOptions,
  readSignal,
} from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import type { Owner } from "./declaration.js";
// Whoever imports a wrapper's types knows the codes of its lifecycle.
import "./errors.js";

/** Whose records to list: those of a session, of a user in all sessions, or of a whole tenant. */
export type ListedOf =
  | SessionIdentity
  | { readonly tenant: string; readonly user: string }
  | { readonly tenant: string };

/** Which records `list` returns. */
export interface ListRecordsOptions<Status extends string = string> extends CallOptions {
  /** Only these statuses. The expired one includes records that nobody has marked yet. Default all. */
  readonly status?: Status | readonly Status[];
  /** Only records with these values of the declared fields, as `{ name: "nightly" }`. */
  readonly by?: Readonly<Record<string, string>>;
  /** By the time of creation. Default: the order of the lifecycle's lists. */
  readonly order?: "newest" | "oldest";
  /** 1 to 1,000. Default 50. */
  readonly limit?: number;
  /** The `next` of the previous page. Absent or `undefined`: the first page. */
  readonly after?: string | undefined;
}

/** A page of records. */
export interface RecordPage<V> {
  /**
   * In the order that was asked for. They can be fewer than `limit` though there are more: one call reads past 10,000 records
   * that do not match, and about 16 MiB of records at most.
   */
  readonly records: readonly V[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string;
}

/** Which records `count` counts. */
export type CountOptions<Status extends string = string> = Pick<
  ListRecordsOptions<Status>,
  "status" | "by" | "signal"
>;

/** How many records `locate` returns. */
export interface LocateOptions extends CallOptions {
  /** 1 to 1,000. Default 50. */
  readonly limit?: number;
}

/** How long `wait` waits. */
export interface WaitOptions extends CallOptions {
  /** 1 to ten years, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number;
}

/** The options of `expireOverdue`. */
export interface ExpireOptions extends CallOptions {
  /**
   * Also reads every record and removes index entries of erased sessions. Otherwise such entries are removed when a list
   * meets them, and when their record has expired. Default false.
   */
  readonly erased?: boolean;
}

/** A field of the declared lists, and the value that a record has to have. */
export interface FieldValue {
  readonly field: string;
  readonly value: string;
}

/** A list as a caller asks for it. */
export interface Query<Status extends string> {
  readonly statuses: readonly Status[];
  readonly by: readonly FieldValue[];
  /** `undefined`: as declared. */
  readonly order: "newest" | "oldest" | undefined;
  readonly limit: number;
  readonly after: string | undefined;
  readonly signal: AbortSignal | undefined;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1000;
/** The longest wait. */
export const MAX_WAIT_MS = 10 * 365 * 86_400_000;
const CURSOR_PATTERN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\.[\w-]{22}$/;

/**
 * Reads whose records are listed. A tenant, and a user, must be passed alone, so that an incomplete session is refused. A
 * user is one where the lifecycle has lists of users, otherwise an incomplete session.
 */
export function readListedOf(where: ListedOf, hasUsers: boolean): { under: Owner; identity: Identity } {
  const given = typeof where === "object" && where !== null ? Object.keys(where) : [];
  if (given.includes("session") || (given.includes("user") && !hasUsers))
    return { under: "session", identity: copySession(where as SessionIdentity) };
  const { tenant, user } = readNamed(
    where,
    "where",
    hasUsers ? ["tenant", "user"] : ["tenant"],
  ) as SessionIdentity;
  if (given.includes("user")) return { under: "user", identity: userIdentity(tenant, user) };
  return { under: "tenant", identity: tenantIdentity(tenant) };
}

export function readQuery<Status extends string>(
  options: ListRecordsOptions<Status> | undefined,
  statuses: readonly Status[],
): Query<Status> {
  const names = ["status", "by", "order", "limit", "after", "signal"];
  const given: ListRecordsOptions<Status> = { ...readOptions(options, names) };
  return {
    statuses: "status" in given ? readStatuses(given.status, statuses) : statuses,
    by: "by" in given ? readFields(given.by) : [],
    order: "order" in given ? readOneOf(given.order, "order", ["newest", "oldest"] as const) : undefined,
    limit: "limit" in given ? readLimit(given.limit, MAX_LIMIT) : DEFAULT_LIMIT,
    after: given.after === undefined ? undefined : readCursor(given.after),
    signal: readSignal(given),
  };
}

export function readCount<Status extends string>(
  options: CountOptions<Status> | undefined,
  statuses: readonly Status[],
): Pick<Query<Status>, "statuses" | "by" | "signal"> {
  const given: CountOptions<Status> = { ...readOptions(options, ["status", "by", "signal"]) };
  return readQuery(given, statuses);
}

export function readLocate(options: LocateOptions | undefined): Pick<Query<string>, "limit" | "signal"> {
  const given: LocateOptions = { ...readOptions(options, ["limit", "signal"]) };
  return readQuery(given, []);
}

/** One status or several, in the order of `known`. */
export function readStatuses<Status extends string>(value: unknown, known: readonly Status[]): Status[] {
  const given = Array.from(Array.isArray(value) ? value : [value], (status) =>
    readOneOf(status, "status", known),
  );
  if (given.length === 0) throw invalid("status", "left out, a status or several");
  return known.filter((status) => given.includes(status));
}

export function readWait(options: WaitOptions | undefined): {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
} {
  const given = readOptions(options, ["timeoutMs", "signal"]) as WaitOptions;
  const signal = readSignal(given);
  if (!("timeoutMs" in given)) return { timeoutMs: Number.POSITIVE_INFINITY, signal };
  return { timeoutMs: readInteger(given.timeoutMs, "timeoutMs", 1, MAX_WAIT_MS), signal };
}

export function readExpire(options: ExpireOptions | undefined): {
  readonly erased: boolean;
  readonly signal: AbortSignal | undefined;
} {
  const given = readOptions(options, ["erased", "signal"]) as ExpireOptions;
  return { erased: readFlag(given, "erased"), signal: readSignal(given) };
}

export function readCallOptions(options: CallOptions | undefined): {
  readonly signal: AbortSignal | undefined;
} {
  return { signal: readSignal(readOptions(options, ["signal"])) };
}

/** Reads the value of one field by which records are listed. */
export function readBy(value: unknown): FieldValue {
  const [field, ...others] = readFields(value);
  if (field === undefined || others.length > 0) throw invalid("by", "one field with its value");
  return field;
}

/** Reads the values of the fields by which records are listed, one at least. */
function readFields(value: unknown): readonly FieldValue[] {
  const fields = Object.entries(readNamed(value, "by", Object.keys(Object(value))));
  if (fields.length === 0) throw invalid("by", "fields with their values");
  return fields.map(([field, given]) => ({ field, value: readKind(given, field) }));
}

/** Reads the position of an entry: its time, and a digest. */
export function readCursor(value: unknown): string {
  if (typeof value !== "string" || !CURSOR_PATTERN.test(value)) throw invalid("after", "the next of a page");
  return value;
}
