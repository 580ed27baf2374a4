import { invalid } from "../contract/errors.js";
import { digestOf } from "../typed/names.js";
import { optional } from "../validation/fields.js";
import { readNamed, readObject } from "../validation/validate.js";
import { type Scope, scopeId } from "./cells.js";
import { readLabel, readTags, type StoredEntry } from "./entry.js";
import type { BudgetPlace } from "./errors.js";
import { readScope, SCOPE_FIELDS } from "./scope.js";

/** Whose calls are meant, and which of them: those of a provider, of a model, with tags. */
export interface BudgetScope extends Scope {
  /** Only the calls of this provider. */
  readonly provider?: string;
  /** Only the calls of this model. */
  readonly model?: string;
  /** Only the calls with all of these tags, such as `{ team: "search" }`. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** Which calls a budget limits, beside whose. */
export interface CallFilter {
  readonly provider?: string;
  readonly model?: string;
  readonly tags?: StoredEntry["tags"];
}

/** Whose budget it is. */
export type Level = BudgetPlace["scope"];

export const LEVELS = ["tenant", "user", "session", "run"] as const satisfies readonly Level[];

/** A budget by what tells it from others. */
export interface BudgetKey {
  readonly scope: Scope;
  readonly filter: CallFilter;
  readonly name?: string;
}

const MAX_NAME_BYTES = 64;

/** Reads a scope and a name. IDENTITY_REQUIRED where a part of the scope is missing. */
export function readBudgetKey(scope: unknown, options: { readonly name?: unknown }): BudgetKey {
  const fields = ["provider", "model", "tags"];
  const given = Object.entries(readNamed(scope, "scope", [...SCOPE_FIELDS, ...fields]));
  const whose = Object.fromEntries(given.filter(([name]) => !fields.includes(name)));
  return {
    scope: readScope(whose),
    filter: readFilter(Object.fromEntries(given)),
    ...optional(options, "name", readBudgetName),
  };
}

export function readFilter(given: object): CallFilter {
  return {
    ...optional(given as CallFilter, "provider", readLabel),
    ...optional(given as CallFilter, "model", readLabel),
    ...optional(given as CallFilter, "tags", (value) => {
      const tags = readTags(value);
      if (tags.length === 0) throw invalid("tags", "left out, or at least one tag");
      return tags;
    }),
  };
}

function readBudgetName(value: unknown): string {
  const name = readLabel(value, "name");
  if (Buffer.byteLength(name) > MAX_NAME_BYTES)
    throw invalid("name", `at most ${MAX_NAME_BYTES} UTF-8 bytes`);
  return name;
}

export function isFiltered({ provider, model, tags }: CallFilter): boolean {
  return provider !== undefined || model !== undefined || tags !== undefined;
}

/** Whether an entry of the scope's user or tenant is one of the scope's session and run, and passes the filter. */
export function isCallOf(
  entry: StoredEntry,
  { scope, filter }: Pick<BudgetKey, "scope" | "filter">,
): boolean {
  const { session, run } = scope;
  if (session !== undefined && entry.session !== session) return false;
  if (run !== undefined && entry.run !== run) return false;
  if (filter.provider !== undefined && entry.provider !== filter.provider) return false;
  if (filter.model !== undefined && entry.model !== filter.model) return false;
  return (filter.tags ?? []).every(([name, value]) =>
    entry.tags.some(([own, given]) => own === name && given === value),
  );
}

export function levelOf({ user, session, run }: Scope): Level {
  if (user === undefined) return "tenant";
  if (session === undefined) return "user";
  return run === undefined ? "session" : "run";
}

/** Whether the budget's record lies under the tenant or the user. */
export function ownerOf({ user }: Scope): "tenant" | "user" {
  return user === undefined ? "tenant" : "user";
}

/** The id of a budget's record under its tenant or user. Earlier versions knew those without a name and a filter. */
export function budgetId({ scope, filter, name }: BudgetKey): string {
  const { provider = null, model = null, tags = [] } = filter;
  if (name === undefined && !isFiltered(filter)) return scopeId(scope);
  return `${scopeId(scope)}/${digestOf(JSON.stringify([name ?? null, provider, model, tags]))}`;
}

/** The level that the id of a budget's record begins with. */
export function levelOfId(id: string): Level {
  return id.split("/", 1)[0] as Level;
}

/** How callers see which budget it is. */
export function placeOf(level: Level, { filter, name }: Omit<BudgetKey, "scope">): BudgetPlace {
  const { tags, ...rest } = filter;
  return {
    scope: level,
    ...(name === undefined ? {} : { name }),
    ...rest,
    ...(tags && { tags: Object.fromEntries(tags) }),
  };
}

export function readStoredFilter(value: unknown): CallFilter {
  const { tags, ...rest } = readObject(value, "filter") as { tags?: unknown };
  return readFilter({ ...rest, ...(tags === undefined ? {} : { tags: Object.fromEntries(tags as []) }) });
}
