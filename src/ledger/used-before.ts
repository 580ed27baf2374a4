import { type BudgetKey, isCallOf } from "./budget-scope.js";
import type { EntryOwner } from "./cells.js";
import type { PeriodMs } from "./period.js";
import type { Reader } from "./reader.js";
import { sumUp } from "./summarize.js";
import { totalQuery } from "./summary-query.js";
import { addSums, type Sums } from "./usage.js";
import type { Counted } from "./write-set.js";

/** What was used before a budget was set: what is stored, and what the same attempt has counted. */
export async function usedBefore(
  reader: Reader,
  key: BudgetKey,
  period: PeriodMs,
  counted: readonly Counted[],
): Promise<Sums> {
  const own = counted.filter(
    ({ owner, entry }) => isOwnedBy(owner, key) && isCallOf(entry, key) && isWithin(entry.at, period),
  );
  // It is not a snapshot: the commit that uses it must depend on the totals that each of these calls changes.
  const stored = (await sumUp(reader, totalQuery(key, period), undefined)).total();
  return own.reduce((sum, { sums }) => addSums(sum, sums), stored);
}

function isOwnedBy({ user }: EntryOwner, { scope }: BudgetKey): boolean {
  return scope.user === undefined || scope.user === user;
}

function isWithin(at: number, { since, until }: PeriodMs): boolean {
  return (since === undefined || at >= since) && (until === undefined || at < until);
}
