import type { BudgetKey } from "./budget-scope.js";
import { isFiltered } from "./budget-scope.js";
import type { EntryOwner, Scope } from "./cells.js";
import { type StoredEntry, sumsOf } from "./entry.js";
import type { PeriodMs } from "./period.js";
import type { Reader } from "./reader.js";
import { type SummarizeBy, summarizeUsage } from "./summarize.js";
import { addSums, corruptIfInexact, NO_USAGE, type Sums } from "./usage.js";
import type { Counted } from "./write-set.js";

/** What was used before a budget was set: what is stored, and what the same attempt has counted. */
export async function usedBefore(
  reader: Reader,
  key: BudgetKey,
  period: PeriodMs,
  counted: readonly Counted[],
): Promise<Sums> {
  const own = counted.filter(
    ({ owner, entry }) => isOwnedBy(owner, key) && isCounted(entry, key) && isWithin(entry.at, period),
  );
  const stored = await storedBefore(reader, key, period);
  return own.reduce((sum, { sums }) => addSums(sum, sums), stored);
}

/**
 * From the rollups where there are some for its calls, else from the entries. It is not a snapshot: the commit that uses it
 * must depend on the totals that each of these calls changes.
 */
async function storedBefore(reader: Reader, key: BudgetKey, period: PeriodMs): Promise<Sums> {
  const rollup = rollupOf(key);
  if (rollup !== undefined) {
    const groups = await summarizeUsage(reader, key.scope.tenant, { by: rollup.by, ...datesOf(period) });
    return rollup.key === undefined ? groups.total() : groups.sumsOf(rollup.key, rollup.user);
  }
  let sums = NO_USAGE;
  for await (const entry of entriesOf(reader, key.scope, period)) {
    if (isCounted(entry, key)) sums = corruptIfInexact(() => addSums(sums, sumsOf(entry)));
  }
  return sums;
}

/** The rollups that add up the calls of a budget, and only these. */
function rollupOf({
  scope,
  filter,
}: BudgetKey): { readonly by: SummarizeBy; readonly key?: string; readonly user?: string } | undefined {
  const { user, session, run } = scope;
  if (run !== undefined) return undefined;
  if (!isFiltered(filter)) {
    if (user === undefined) return { by: "day" };
    return session === undefined ? { by: "user", key: user } : { by: "session", key: session, user };
  }
  const { provider, model, tags = [] } = filter;
  const [tag, ...others] = tags;
  if (user !== undefined || others.length > 0) return undefined;
  if (model === undefined && tag === undefined && provider !== undefined)
    return { by: "provider", key: provider };
  if (provider === undefined && tag === undefined && model !== undefined) return { by: "model", key: model };
  if (provider === undefined && model === undefined && tag !== undefined)
    return { by: { tag: tag[0] }, key: tag[1] };
  return undefined;
}

async function* entriesOf(reader: Reader, scope: Scope, period: PeriodMs): AsyncGenerator<StoredEntry> {
  const { tenant, user } = scope;
  if (user !== undefined) {
    yield* reader.ofUser({ tenant, user }, period, undefined);
    return;
  }
  const users = new Set<string | undefined>();
  for await (const { value } of reader.rollups(tenant, "user", {}, undefined)) users.add(value.key);
  for (const of of users)
    yield* reader.ofUser(of === undefined ? { tenant } : { tenant, user: of }, period, undefined);
}

function isCounted(entry: StoredEntry, { scope, filter }: BudgetKey): boolean {
  const { session, run } = scope;
  if (session !== undefined && entry.session !== session) return false;
  if (run !== undefined && entry.run !== run) return false;
  if (filter.provider !== undefined && entry.provider !== filter.provider) return false;
  if (filter.model !== undefined && entry.model !== filter.model) return false;
  return (filter.tags ?? []).every(([name, value]) =>
    entry.tags.some(([own, given]) => own === name && given === value),
  );
}

function isOwnedBy({ user }: EntryOwner, { scope }: BudgetKey): boolean {
  return scope.user === undefined || scope.user === user;
}

function isWithin(at: number, { since, until }: PeriodMs): boolean {
  return (since === undefined || at >= since) && (until === undefined || at < until);
}

function datesOf({ since, until }: PeriodMs) {
  return {
    ...(since === undefined ? {} : { since: new Date(since) }),
    ...(until === undefined ? {} : { until: new Date(until) }),
  };
}
