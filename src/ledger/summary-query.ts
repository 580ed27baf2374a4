import { invalid } from "../contract/errors.js";
import { readNamed, readOneOf } from "../validation/validate.js";
import { type BudgetKey, type CallFilter, isCallOf } from "./budget-scope.js";
import { type CalendarUnit, calendarLabel } from "./calendar-label.js";
import { type Dimension, dayStart, type Rollup, type Scope, tagDimension } from "./cells.js";
import { readTagName, type StoredEntry } from "./entry.js";
import type { GroupNames } from "./groups.js";
import type { PeriodMs } from "./period.js";

const NAMES = ["provider", "model", "user", "session", "run", "runName"] as const;
const TIMES = ["hour", "day", "week", "month"] as const satisfies readonly CalendarUnit[];

/**
 * What to group by. A week begins on Monday. `{ tag: "team" }` groups by the values of a tag and leaves out calls without
 * that tag.
 */
export type SummaryDimension =
  | (typeof NAMES)[number]
  | (typeof TIMES)[number]
  | {
      /** The name of the tag. */
      readonly tag: string;
    };

/** One to three things to group by. */
export type SummarizeBy = SummaryDimension | readonly SummaryDimension[];

/** Which calls are added up, and by what. */
export interface SummaryQuery {
  readonly scope: Scope;
  readonly filter: CallFilter;
  readonly by: readonly SummaryDimension[];
  readonly timeZone: string;
  readonly period: PeriodMs;
}

/** The rollups of a dimension, or those of one name in it, that have the sums of a query's whole days (UTC). */
export interface RollupSource {
  readonly dimension: Dimension;
  readonly names?: readonly string[];
}

const MAX_DIMENSIONS = 3;

/** Reads what to group by. INVALID_RECORD. */
export function readBy(by: unknown): readonly SummaryDimension[] {
  const given: readonly unknown[] = Array.isArray(by) ? by : [by];
  if (given.length < 1 || given.length > MAX_DIMENSIONS)
    throw invalid("by", `one to ${MAX_DIMENSIONS} things to group by`);
  const dimensions = given.map(readDimension);
  if (new Set(dimensions.map((dimension) => JSON.stringify(dimension))).size < dimensions.length)
    throw invalid("by", "different things to group by");
  return dimensions;
}

function readDimension(by: unknown): SummaryDimension {
  if (typeof by !== "object" || by === null) return readOneOf(by, "by", [...NAMES, ...TIMES]);
  const { tag } = readNamed(by, "by", ["tag"]) as { tag?: unknown };
  return { tag: readTagName(tag) };
}

export function isTime(dimension: SummaryDimension): dimension is CalendarUnit {
  return (TIMES as readonly unknown[]).includes(dimension);
}

/** The names of an entry's group; `undefined` if the query does not add it up. */
export function namesInEntry(
  query: SummaryQuery,
  entry: StoredEntry,
  user: string | undefined,
): GroupNames | undefined {
  if (!isCallOf(entry, query)) return undefined;
  const keys: (string | undefined)[] = [];
  for (const dimension of query.by) {
    if (typeof dimension === "object") {
      const tag = entry.tags.find(([name]) => name === dimension.tag);
      if (tag === undefined) return undefined;
      keys.push(tag[1]);
    } else if (isTime(dimension)) keys.push(calendarLabel(entry.at, dimension, query.timeZone));
    else keys.push(dimension === "user" ? user : entry[dimension]);
  }
  return namesOf(query, keys, { ...entry, user });
}

/** Names of sessions are those of a user, names of runs those of a session. */
function namesOf(
  { by }: SummaryQuery,
  keys: readonly (string | undefined)[],
  { user, session, run }: { readonly [K in keyof Scope]?: string | undefined },
): GroupNames {
  const ofRun = run !== undefined && by.includes("run");
  const ofSession = session !== undefined && by.includes("session");
  return {
    keys,
    ...((ofRun || ofSession) && user !== undefined ? { user } : {}),
    ...(ofRun && session !== undefined ? { session } : {}),
  };
}

/** The names of a rollup's group. Its names are those of the only dimension that the query leaves open. */
export function namesInRollup(query: SummaryQuery, day: string, { key, user }: Rollup): GroupNames {
  const { scope, filter, by } = query;
  const keys = by.map((dimension) => {
    if (isTime(dimension)) return calendarLabel(dayStart(day), dimension, "UTC");
    if (typeof dimension === "object")
      return filter.tags?.find(([name]) => name === dimension.tag)?.[1] ?? key;
    if (dimension === "user") return scope.user ?? key;
    if (dimension === "session") return scope.session ?? key;
    return (dimension === "provider" || dimension === "model" ? filter[dimension] : undefined) ?? key;
  });
  const session = by.includes("session") ? (scope.session ?? key) : undefined;
  return namesOf(query, keys, { user: scope.user ?? user, session });
}

/** `undefined` where no rollups have the sums of a query, so that entries have to be read. */
export function rollupSourceOf({ scope, filter, by, timeZone }: SummaryQuery): RollupSource | undefined {
  if (scope.run !== undefined || by.includes("run") || by.includes("hour")) return undefined;
  if (timeZone !== "UTC" && by.some(isTime)) return undefined;
  const given = givenNames(scope, filter);
  const open = by.map(rollupDimension).filter((name) => name !== undefined && !given.has(name));
  // A session's rollups are of its user too.
  const left = open.filter((name) => name !== "user" || scope.user === undefined);
  if (given.size + left.length > 1) return undefined;
  for (const [dimension, names] of given) return { dimension, names };
  return { dimension: left[0] ?? "day" };
}

/** The rollups' dimensions that a scope and a filter give a name of. */
function givenNames({ user, session }: Scope, { provider, model, tags = [] }: CallFilter) {
  const given = new Map<Dimension, readonly string[]>();
  if (user !== undefined && session !== undefined) given.set("session", [session, user]);
  else if (user !== undefined) given.set("user", [user]);
  if (provider !== undefined) given.set("provider", [provider]);
  if (model !== undefined) given.set("model", [model]);
  for (const [name, value] of tags) given.set(tagDimension(name), [value]);
  return given;
}

function rollupDimension(dimension: SummaryDimension): Dimension | undefined {
  if (typeof dimension === "object") return tagDimension(dimension.tag);
  return isTime(dimension) || dimension === "run" ? undefined : dimension;
}

/** The sum of all calls of a scope and a filter in a period. */
export function totalQuery(
  { scope, filter }: Pick<BudgetKey, "scope" | "filter">,
  period: PeriodMs,
): SummaryQuery {
  return { scope, filter, by: [], timeZone: "UTC", period };
}
