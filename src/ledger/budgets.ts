import type { StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { transact } from "../typed/transact.js";
import { readBoolean, readNamed } from "../validation/validate.js";
import { AMOUNT_FIELDS, type AmountsInput, amountsOf, readLimits } from "./amounts.js";
import { type Budget, budgetOf, type StoredBudget, withoutOverdueInline } from "./budget.js";
import { type StoredCount, withSpent } from "./budget-counts.js";
import type { BudgetHolds } from "./budget-holds.js";
import type { BudgetAt, BudgetLookup } from "./budget-lookup.js";
import { type BudgetKey, isFiltered, placeOf, readBudgetKey } from "./budget-scope.js";
import type { Shaped } from "./budget-shapes.js";
import { reachedOf, readThresholds } from "./budget-warning.js";
import type { Reader } from "./reader.js";
import { transactWrites } from "./transact-writes.js";
import { NO_USAGE } from "./usage.js";
import { usedBefore } from "./used-before.js";
import {
  countedIn,
  countsAlike,
  readWindow,
  slicesUntil,
  WINDOW_FIELDS,
  type Window,
  type WindowInput,
} from "./window.js";
import type { Work } from "./work.js";
import type { WriteSet } from "./write-set.js";

type Signal = AbortSignal | undefined;

/** The limits of a budget, at least one of them, and how it counts. */
export interface BudgetInput extends AmountsInput, WindowInput {
  /** 1 to 64 UTF-8 bytes. A scope may have several budgets with names, and one without. */
  readonly name?: string;
  /**
   * True: the budget counts usage from now on. False: from the beginning of the ledger or of its period. Absent: an existing
   * budget keeps its beginning, and a new one counts from the beginning of the ledger or of its period.
   */
  readonly fromNow?: boolean;
  /**
   * Shares of the limits or amounts of what is limited, such as `[0.8, 1, { cost: "5" }]`: up to 8. When a recorded call has
   * reached one, its receipt has a warning. Each is reported once in a period.
   */
  readonly warnAt?: readonly (number | AmountsInput)[];
}

interface Settings extends Pick<StoredBudget, "limits" | "warnAt"> {
  readonly window: Window | undefined;
  readonly fromNow: boolean | undefined;
}

/** Records per read. */
const PAGE_SIZE = 200;

/** Sets, reads and removes budgets. */
export class Budgets {
  readonly #store: StateStore;
  readonly #reader: Reader;
  readonly #lookup: BudgetLookup;
  readonly #holds: BudgetHolds;
  readonly #now: () => number;

  constructor(
    store: StateStore,
    reader: Reader,
    lookup: BudgetLookup,
    holds: BudgetHolds,
    now: () => number,
  ) {
    this.#store = store;
    this.#reader = reader;
    this.#lookup = lookup;
    this.#holds = holds;
    this.#now = now;
  }

  set(scope: unknown, input: BudgetInput): Work<Budget> {
    const fields = [...AMOUNT_FIELDS, ...WINDOW_FIELDS, "name", "fromNow", "warnAt"];
    const given = readNamed(input, "budget", fields) as BudgetInput;
    const key = readBudgetKey(scope, given);
    const limits = readLimits(given);
    const settings: Settings = {
      limits,
      window: readWindow(given),
      warnAt: "warnAt" in given ? readThresholds(given.warnAt, limits) : [],
      fromNow: "fromNow" in given ? readBoolean(given.fromNow, "fromNow") : undefined,
    };
    const at = this.#lookup.at(key);
    const { tenant } = key.scope;
    // What was used before is counted if no call comes between: the totals that each call changes are read first.
    const ofTenant = this.#lookup.at({ scope: { tenant }, filter: {} }).total;
    const ofCalls = countsItself(settings, key) ? [ofTenant] : [];
    return {
      reads: [at.cell, at.total, ...ofCalls, this.#lookup.shapes.cellOf(tenant)],
      writes: 2,
      repeatable: settings.fromNow !== true,
      apply: async (writes) => {
        const now = this.#now();
        const before = await writes.get(at.cell);
        const budget = withoutOverdueInline(await this.#changed(writes, key, at, settings, before, now), now);
        writes.put(at.cell, budget);
        const standing = await this.#lookup.standing(writes, at, budget, now);
        const overdue = await this.#holds.overdue(at.cell, budget, now, undefined);
        return budgetOf(placeOf(at.level, budget), budget, standing, overdue);
      },
    };
  }

  async get(
    scope: unknown,
    options: { readonly name?: unknown },
    signal: Signal,
  ): Promise<Budget | undefined> {
    return this.read(this.#lookup.at(readBudgetKey(scope, options)), signal);
  }

  async read(at: BudgetAt, signal: Signal): Promise<Budget | undefined> {
    return transact(
      this.#store,
      async (transaction) => {
        const stored = await transaction.get(at.cell);
        if (stored === undefined) return undefined;
        const now = this.#now();
        const budget = withoutOverdueInline(stored, now);
        const standing = await this.#lookup.standing(transaction, at, budget, now);
        const overdue = await this.#holds.overdue(at.cell, budget, now, signal);
        return budgetOf(placeOf(at.level, budget), budget, standing, overdue);
      },
      { attempts: 1000, repeatable: true, signal },
    );
  }

  /** Removes a budget with its queue and its counts. Returns whether there was one. After an interruption, call it again. */
  async remove(at: Omit<BudgetAt, "total">, tenant: string, signal: Signal): Promise<boolean> {
    for (;;) {
      const done = await transactWrites(
        this.#store,
        (writes) => this.#removeSome(writes, at, tenant, signal),
        signal,
      );
      if (done !== "more") return done === "removed";
    }
  }

  async #removeSome(
    writes: WriteSet,
    at: Omit<BudgetAt, "total">,
    tenant: string,
    signal: Signal,
  ): Promise<"missing" | "more" | "removed"> {
    const budget = await writes.get(at.cell);
    if (budget === undefined) return "missing";
    const [dues, counts] = await Promise.all([
      this.#holds.duesOf(at.cell, budget, PAGE_SIZE, signal),
      this.#lookup.counts.cells(at.cell, { limit: PAGE_SIZE, signal }),
    ]);
    for (const cell of [...dues, ...counts]) writes.remove(cell);
    if (dues.length === PAGE_SIZE || counts.length === PAGE_SIZE) {
      // The write makes a call that is reserved or recorded meanwhile conflict with this commit.
      writes.put(at.cell, budget);
      return "more";
    }
    if (hasShape(at, budget)) await this.#lookup.shapes.drop(writes, tenant, shapedOf(at, budget));
    writes.remove(at.cell);
    return "removed";
  }

  /** The budget with new settings, and its count if it begins one. */
  async #changed(
    writes: WriteSet,
    key: BudgetKey,
    at: BudgetAt,
    settings: Settings,
    before: StoredBudget | undefined,
    now: number,
  ): Promise<StoredBudget> {
    const { limits, warnAt, window, fromNow } = settings;
    const { filter, name } = key;
    const total = (await writes.get(at.total))?.sums ?? NO_USAGE;
    const { counter: counted, window: _, ...kept } = before ?? { inline: [], from: NO_USAGE, warned: [] };
    const from = fromNow === undefined ? kept.from : fromNow ? total : NO_USAGE;
    const plain = { ...kept, limits, from, filter, warnAt, ...(name === undefined ? {} : { name }) };
    const budget: StoredBudget = { ...plain, ...(window && { window }) };
    const had = before !== undefined && hasShape(at, before);
    if (hasShape(at, budget) !== had) {
      const { tenant } = key.scope;
      if (had) await this.#lookup.shapes.drop(writes, tenant, shapedOf(at, budget));
      else await this.#lookup.shapes.add(writes, tenant, shapedOf(at, budget));
    }
    if (!countsItself(settings, key)) return this.#withMarks(writes, at, budget, now);
    if (counted !== undefined && fromNow === undefined && countsAlike(before?.window, window)) {
      const same = { ...budget, counter: counted };
      await this.#markCount(writes, at, same, now);
      return same;
    }
    const counter = { id: newEventId(), since: now };
    const counting = { ...budget, warned: [], counter };
    if (fromNow !== true) await this.#countBefore(writes, key, at, { ...counting, counter }, now);
    return counting;
  }

  /** Marks what the budget has reported already, and is still reached under its new limits. */
  async #withMarks(writes: WriteSet, at: BudgetAt, budget: StoredBudget, now: number): Promise<StoredBudget> {
    const { limits, spent } = await this.#lookup.standing(writes, at, budget, now);
    const reached = reachedOf(budget.warnAt, limits, spent).map(({ mark }) => mark);
    return { ...budget, warned: budget.warned.filter((mark) => reached.includes(mark)) };
  }

  /** The same for the count of the period. */
  async #markCount(
    writes: WriteSet,
    at: BudgetAt,
    budget: StoredBudget & Required<Pick<StoredBudget, "counter">>,
    now: number,
  ): Promise<void> {
    const where = countedIn(budget.window, now, { now, since: budget.counter.since });
    if (where === undefined) return;
    const cell = this.#lookup.counts.cellOf(at.cell, budget.counter.id, where.record);
    const count = await writes.get(cell);
    if (count === undefined) return;
    const { limits, spent } = await this.#lookup.standing(writes, at, budget, now);
    const reached = reachedOf(budget.warnAt, limits, spent).map(({ mark }) => mark);
    writes.put(cell, {
      ...count,
      limits: budget.limits,
      warned: count.warned.filter((mark) => reached.includes(mark)),
    });
  }

  /** Counts what was used before in the period or window that counts now. */
  async #countBefore(
    writes: WriteSet,
    key: BudgetKey,
    at: BudgetAt,
    budget: StoredBudget & Required<Pick<StoredBudget, "counter">>,
    now: number,
  ): Promise<void> {
    let count: StoredCount | undefined;
    let record = "all";
    for (const slice of slicesUntil(budget.window, now)) {
      const where = countedIn(budget.window, slice.since ?? now, { now, since: now });
      if (where === undefined) continue;
      record = where.record;
      const used = await usedBefore(this.#reader, key, slice, writes.counted);
      count = withSpent(count, budget, where.slice, amountsOf(used), now);
    }
    if (count !== undefined)
      writes.put(this.#lookup.counts.cellOf(at.cell, budget.counter.id, record), count);
  }
}

/** Whether the budget is one that calls have to look for. Those of earlier versions are not. */
export function hasShape(
  { level }: Pick<BudgetAt, "level">,
  { name, filter, window, warnAt }: StoredBudget,
): boolean {
  return (
    level === "run" || name !== undefined || isFiltered(filter) || window !== undefined || warnAt.length > 0
  );
}

/** Whether no rollup has the sum of what the budget counts. */
function countsItself({ window }: Pick<Settings, "window">, { filter }: Pick<BudgetKey, "filter">): boolean {
  return window !== undefined || isFiltered(filter);
}

export function shapedOf({ level }: Pick<BudgetAt, "level">, { filter, name }: StoredBudget): Shaped {
  return { level, filter, ...(name === undefined ? {} : { name }) };
}
