import type { StateStore } from "../contract/store.js";
import type { Cell } from "../typed/cell.js";
import { Collection } from "../typed/collection.js";
import { addAmounts, type ExactAmounts, keysOf, subtractAmounts } from "./amounts.js";
import { type Standing, type StoredBudget, spentOfTotal } from "./budget.js";
import { BUDGET_CODEC } from "./budget-codec.js";
import { BudgetCounts, leavingOf, spentIn } from "./budget-counts.js";
import { type BudgetKey, budgetId, type Level, levelOf, ownerOf } from "./budget-scope.js";
import { BudgetShapes, type SeenCall } from "./budget-shapes.js";
import { type EntryOwner, type LedgerCells, type Rollup, type Scope, scopeId, scopeOwner } from "./cells.js";
import { NO_USAGE } from "./usage.js";
import { isCalendar, isRolling, periodAt, periodBefore, recordOf } from "./window.js";
import type { WriteSet } from "./write-set.js";

type Reads = Pick<WriteSet, "get">;

/** Where a budget is stored. */
export interface BudgetAt {
  readonly level: Level;
  /** Whether its record lies under the tenant or the user. */
  readonly of: "tenant" | "user";
  readonly id: string;
  readonly cell: Cell<StoredBudget>;
  /** The sum of all calls of its scope. */
  readonly total: Cell<Rollup>;
}

/** Finds budgets and what they have counted. */
export class BudgetLookup {
  readonly #cells: LedgerCells;
  readonly budgets: Collection<StoredBudget>;
  readonly shapes: BudgetShapes;
  readonly counts: BudgetCounts;

  constructor(store: StateStore, cells: LedgerCells) {
    this.#cells = cells;
    this.budgets = new Collection(store, "ledger.budget", { codec: BUDGET_CODEC });
    this.shapes = new BudgetShapes(store);
    this.counts = new BudgetCounts(store);
  }

  at(key: BudgetKey): BudgetAt {
    return this.withId(key.scope, budgetId(key));
  }

  withId(scope: Scope, id: string): BudgetAt {
    return {
      level: levelOf(scope),
      of: ownerOf(scope),
      id,
      cell: this.budgets.at(scopeOwner(scope), id),
      total: this.#cells.totalOf(scope),
    };
  }

  /** A budget whose id is known, and of its scope only the owner. */
  withLevel(owner: Required<EntryOwner>, level: Level, id: string): Omit<BudgetAt, "total"> {
    return { level, of: ownerOf(owner), id, cell: this.budgets.at(scopeOwner(owner), id) };
  }

  /** The budgets of session, user and tenant without a name: they need no shape. The narrowest first. */
  unnamed({ tenant, user, session }: Scope): BudgetAt[] {
    const scopes: Scope[] = [];
    if (user !== undefined && session !== undefined) scopes.push({ tenant, user, session });
    if (user !== undefined) scopes.push({ tenant, user });
    scopes.push({ tenant });
    return scopes.map((scope) => this.withId(scope, scopeId(scope)));
  }

  /** The budgets with a shape that may count a call. */
  async shaped(reads: Reads, owner: EntryOwner, call: SeenCall): Promise<BudgetAt[]> {
    return (await this.shapes.keysFor(reads, owner, call)).map((key) => this.at(key));
  }

  /** What a budget counts now. */
  async standing(reads: Reads, at: BudgetAt, budget: StoredBudget, now: number): Promise<Standing> {
    const { counter, window, limits } = budget;
    if (counter === undefined) {
      const total = await reads.get(at.total);
      return { limits, spent: spentOfTotal(budget, total?.sums ?? NO_USAGE) };
    }
    const count = await reads.get(this.counts.cellOf(at.cell, counter.id, recordOf(window, now)));
    const spent = spentIn(count, budget, now);
    const leaving = isRolling(window) ? { leaving: leavingOf(count, window, now) } : {};
    return { ...(await this.limitsAt(reads, at, budget, now)), spent, ...leaving };
  }

  /** The limits at a time, with what was carried over, and the period. */
  async limitsAt(
    reads: Reads,
    at: BudgetAt,
    { counter, window, limits }: StoredBudget,
    time: number,
  ): Promise<Omit<Standing, "spent">> {
    if (counter === undefined || !isCalendar(window)) return { limits };
    const period = periodAt(window, time);
    if (!window.carryOver) return { limits, period };
    const before = periodBefore(window, period);
    // A period that ended before the budget was set leaves nothing.
    if (before.until <= counter.since) return { limits, carried: nothingOf(limits), period };
    const count = await reads.get(this.counts.cellOf(at.cell, counter.id, before.label));
    const [slice] = count?.slices ?? [];
    const carried = unused(limits, count?.limits ?? limits, slice?.spent ?? {});
    return { limits: addAmounts(limits, carried), carried, period };
  }
}

/** What is left of the limits that a period had, of what is still limited. */
function unused(limits: ExactAmounts, then: ExactAmounts, spent: ExactAmounts): ExactAmounts {
  const left = subtractAmounts(then, spent);
  return Object.fromEntries(
    keysOf(limits).map((key) => [key, then[key] !== undefined && (left[key] ?? 0n) > 0n ? left[key] : 0n]),
  ) as ExactAmounts;
}

function nothingOf(limits: ExactAmounts): ExactAmounts {
  return Object.fromEntries(keysOf(limits).map((key) => [key, 0n])) as ExactAmounts;
}
