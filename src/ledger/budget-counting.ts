import type { Cell } from "../typed/cell.js";
import { addAmounts, amountsOf } from "./amounts.js";
import type { StoredBudget } from "./budget.js";
import { spentIn, withSpent } from "./budget-counts.js";
import type { BudgetAt, BudgetLookup } from "./budget-lookup.js";
import { placeOf } from "./budget-scope.js";
import { reachedOf, type StoredWarning, warningOf } from "./budget-warning.js";
import type { EntryOwner } from "./cells.js";
import type { StoredEntry } from "./entry.js";
import type { Sums } from "./usage.js";
import { countedIn, isCalendar, isRolling, periodAt } from "./window.js";
import type { WriteSet } from "./write-set.js";

/** Counts calls in the budgets that no rollup has the sum of, and finds out which thresholds they reach. */
export class BudgetCounting {
  readonly #lookup: BudgetLookup;
  readonly #now: () => number;

  constructor(lookup: BudgetLookup, now: () => number) {
    this.#lookup = lookup;
    this.#now = now;
  }

  /** The cells that every call reads. */
  readsOf({ tenant }: EntryOwner): readonly Cell<unknown>[] {
    return [this.#lookup.shapes.cellOf(tenant)];
  }

  /** Adds the sums of a call, or what changes of them. The rollups must have been changed before. */
  async count(writes: WriteSet, owner: EntryOwner, entry: StoredEntry, sums: Sums): Promise<StoredWarning[]> {
    writes.note({ owner, entry, sums });
    const warnings: StoredWarning[] = [];
    for (const at of await this.#lookup.shaped(writes, owner, entry)) {
      const budget = await writes.get(at.cell);
      if (budget === undefined) continue;
      warnings.push(
        ...(budget.counter === undefined
          ? await this.#warnOfTotal(writes, at, budget)
          : await this.#countIn(writes, at, budget, budget.counter, entry.at, sums)),
      );
    }
    return warnings;
  }

  async #warnOfTotal(writes: WriteSet, at: BudgetAt, budget: StoredBudget): Promise<StoredWarning[]> {
    if (budget.warnAt.length === 0) return [];
    const { limits, spent } = await this.#lookup.standing(writes, at, budget, this.#now());
    const reached = reachedOf(budget.warnAt, limits, spent);
    const fresh = reached.filter(({ mark }) => !budget.warned.includes(mark));
    if (fresh.length === 0) return [];
    writes.put(at.cell, { ...budget, warned: [...budget.warned, ...fresh.map(({ mark }) => mark)] });
    const place = placeOf(at.level, budget);
    return fresh.map((threshold) => warningOf(place, threshold, limits, spent, undefined));
  }

  async #countIn(
    writes: WriteSet,
    at: BudgetAt,
    budget: StoredBudget,
    counter: NonNullable<StoredBudget["counter"]>,
    time: number,
    sums: Sums,
  ): Promise<StoredWarning[]> {
    const { window, warnAt } = budget;
    const now = this.#now();
    const where = countedIn(window, time, { now, since: counter.since });
    if (where === undefined) return [];
    const cell = this.#lookup.counts.cellOf(at.cell, counter.id, where.record);
    const count = withSpent(await writes.get(cell), budget, where.slice, amountsOf(sums), now);
    writes.put(cell, count);
    if (warnAt.length === 0) return [];
    const { limits } = await this.#lookup.limitsAt(writes, at, budget, time);
    const spent = isRolling(window)
      ? spentIn(count, budget, now)
      : count.slices.reduce((sum, slice) => addAmounts(sum, slice.spent), {});
    const reached = reachedOf(warnAt, limits, spent);
    const marks = reached.map(({ mark }) => mark);
    const fresh = reached.filter(({ mark }) => !count.warned.includes(mark));
    // What has left a rolling window may be reached again.
    const kept = isRolling(window) ? count.warned.filter((mark) => marks.includes(mark)) : count.warned;
    if (fresh.length > 0 || kept.length < count.warned.length)
      writes.put(cell, { ...count, warned: [...kept, ...fresh.map(({ mark }) => mark)] });
    const place = placeOf(at.level, budget);
    const period = isCalendar(window) ? periodAt(window, time) : undefined;
    return fresh.map((threshold) => warningOf(place, threshold, limits, spent, period));
  }
}
