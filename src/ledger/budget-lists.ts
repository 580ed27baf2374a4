import type { Identity } from "../contract/store.js";
import { optional } from "../validation/fields.js";
import { readLimit, readOptions, readSignal } from "../validation/validate.js";
import { type Amounts, addAmounts, type ExactAmounts, formatAmounts, keysOf } from "./amounts.js";
import type { Budget } from "./budget.js";
import { labelOf } from "./budget-counts.js";
import type { BudgetLookup } from "./budget-lookup.js";
import { readBudgetKey } from "./budget-scope.js";
import type { Budgets } from "./budgets.js";
import { type Scope, scopeId, scopeOwner } from "./cells.js";
import { readLabel } from "./entry.js";
import { readScope } from "./scope.js";
import { isCalendar, periodAt, periodOf } from "./window.js";

type Signal = AbortSignal | undefined;

/** A period of a budget. */
export interface BudgetPeriod {
  /** Its first day in the budget's time zone, `2026-03-01`. */
  readonly key: string;
  /** The first moment of the period. */
  readonly since: Date;
  /** The first moment after it. */
  readonly until: Date;
  /** The limits when a call was counted in it last, without what was carried over. */
  readonly limits: Amounts;
  /** What was spent in it. Late calls and corrections count in the period of the call. */
  readonly spent: Amounts;
}

/** Which periods `budgetPeriods` returns, and of which budget. */
export interface BudgetPeriodsOptions {
  /** The name of the budget. */
  readonly name?: string;
  /** 1 to 10,000. Default 100. */
  readonly limit?: number;
  /** Only periods before this one: the `key` of the last period of the page before. */
  readonly before?: string;
  /** Aborts the call. */
  readonly signal?: AbortSignal;
}

const PAGE_SIZE = 200;
const DEFAULT_LIMIT = 100;

/** Lists budgets and their periods. */
export class BudgetLists {
  readonly #lookup: BudgetLookup;
  readonly #budgets: Budgets;

  constructor(lookup: BudgetLookup, budgets: Budgets) {
    this.#lookup = lookup;
    this.#budgets = budgets;
  }

  /** The budgets of exactly this scope, with all names and filters. */
  async *of(given: unknown, signal: Signal): AsyncGenerator<Budget> {
    const scope = readScope(given);
    for await (const id of this.ids(scopeOwner(scope), scopeId(scope), signal)) {
      if (id !== scopeId(scope) && !id.startsWith(`${scopeId(scope)}/`)) continue;
      const budget = await this.#budgets.read(this.#lookup.withId(scope, id), signal);
      if (budget !== undefined) yield budget;
    }
  }

  /** The ids of the budgets' records that begin with a prefix. */
  async *ids(owner: Identity, prefix: string, signal: Signal): AsyncGenerator<string> {
    for (let after: { after?: string } = {}; ; ) {
      const page = await this.#lookup.budgets.keys(owner, { ...after, prefix, limit: PAGE_SIZE, signal });
      for (const { id } of page) yield id;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_SIZE) return;
      after = { after: last.id };
    }
  }

  /** The periods of a budget in which a call was counted, the newest first. */
  async periods(
    scope: Scope,
    options: BudgetPeriodsOptions | undefined,
    now: number,
  ): Promise<BudgetPeriod[]> {
    const given = readOptions(options, ["name", "limit", "before", "signal"]) as BudgetPeriodsOptions;
    const signal = readSignal(given);
    const limit = "limit" in given ? readLimit(given.limit) : DEFAULT_LIMIT;
    const { cell, id } = this.#lookup.at(readBudgetKey(scope, given));
    const budget = await this.#lookup.budgets.get(cell.identity, id, signal && { signal });
    if (budget?.counter === undefined || !isCalendar(budget.window)) return [];
    const { window } = budget;
    const range = { limit, signal, reverse: true, ...optional(given, "before", readLabel) };
    const found = await this.#lookup.counts.list(cell, budget.counter.id, range);
    const current = periodAt(window, now).label;
    return found.map(({ id, value }) => {
      const { label, since, until } = periodOf(window, labelOf(id));
      const limits = label === current ? budget.limits : value.limits;
      const spent = value.slices.reduce((sum, slice) => addAmounts(sum, slice.spent), {});
      return {
        key: label,
        since: new Date(since),
        until: new Date(until),
        limits: formatAmounts(limits),
        spent: formatAmounts(limitedOnly(spent, limits)),
      };
    });
  }
}

function limitedOnly(spent: ExactAmounts, limits: ExactAmounts): ExactAmounts {
  return Object.fromEntries(keysOf(limits).map((key) => [key, spent[key] ?? 0n])) as ExactAmounts;
}
