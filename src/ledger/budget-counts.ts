import { invalid } from "../contract/errors.js";
import type { Identity, StateStore } from "../contract/store.js";
import type { Cell } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { Collection, type ItemsOptions } from "../typed/collection.js";
import { digestOf } from "../typed/names.js";
import { readInteger, readObject } from "../validation/validate.js";
import {
  addAmounts,
  type ExactAmounts,
  isSameAmounts,
  keysOf,
  NO_AMOUNTS,
  readStoredAmounts,
  writeAmounts,
} from "./amounts.js";
import type { Leaving, StoredBudget } from "./budget.js";
import { readMarks } from "./budget-codec.js";
import { readExactByName, writeExact } from "./usage.js";
import { isInWindow, isRolling, leavesAt, type RollingWindow } from "./window.js";

/** What a budget counted: in a period, in a rolling window, or in all. */
export interface StoredCount {
  /** In order of time. A period has one slice. */
  readonly slices: readonly Slice[];
  /** The limits when it was counted last. */
  readonly limits: ExactAmounts;
  /** The marks of what was reported. */
  readonly warned: readonly string[];
}

interface Slice {
  readonly since: number;
  /** A correction can bring an amount below 0 where the budget did not count the call itself. */
  readonly spent: ExactAmounts;
}

/** The counts of budgets, under the identity of the budget. */
export class BudgetCounts {
  readonly #counts: Collection<StoredCount>;

  constructor(store: StateStore) {
    this.#counts = new Collection(store, "ledger.period", { codec: COUNT_CODEC });
  }

  /** The cell of a count of a budget. */
  cellOf(budget: Cell<StoredBudget>, counter: string, record: string): Cell<StoredCount> {
    return this.#counts.at(budget.identity, `${prefixOf(budget)}${counter}/${record}`);
  }

  /** The counts of the periods, by their first day. */
  list(budget: Cell<StoredBudget>, counter: string, { after, before, ...options }: ItemsOptions) {
    const prefix = `${prefixOf(budget)}${counter}/`;
    const bounds = {
      ...(after === undefined ? {} : { after: prefix + after }),
      ...(before === undefined ? {} : { before: prefix + before }),
    };
    return this.#counts.list(budget.identity, { ...options, ...bounds, prefix });
  }

  /** The cells of all counts of a budget. */
  async cells(
    budget: Cell<StoredBudget>,
    options: Pick<ItemsOptions, "limit" | "signal">,
  ): Promise<Cell<StoredCount>[]> {
    const page = await this.#counts.keys(budget.identity, { ...options, prefix: prefixOf(budget) });
    return page.map(({ id }) => this.at(budget.identity, id));
  }

  at(identity: Identity, id: string): Cell<StoredCount> {
    return this.#counts.at(identity, id);
  }
}

/** The label of a count's record: the last part of its id. */
export function labelOf(id: string): string {
  return id.slice(id.lastIndexOf("/") + 1);
}

/** What counts now. */
export function spentIn(count: StoredCount | undefined, { window }: StoredBudget, now: number): ExactAmounts {
  const counting = count?.slices.filter(({ since }) => isInWindow(window, since, now)) ?? [];
  return counting.reduce((sum, { spent }) => addAmounts(sum, spent), NO_AMOUNTS);
}

/** What leaves a rolling window, and when. */
export function leavingOf(count: StoredCount | undefined, window: RollingWindow, now: number): Leaving[] {
  const counting = count?.slices.filter(({ since }) => isInWindow(window, since, now)) ?? [];
  // A budget that counts what was there before has empty slices too.
  const spent = counting.filter((slice) => !isSameAmounts(slice.spent, NO_AMOUNTS));
  return spent.map((slice) => ({ at: leavesAt(window, slice.since), amounts: slice.spent }));
}

/** Adds to a slice, and drops those that have left a rolling window. */
export function withSpent(
  count: StoredCount | undefined,
  budget: StoredBudget,
  slice: number,
  amounts: ExactAmounts,
  now: number,
): StoredCount {
  const { window, limits } = budget;
  const slices = (count?.slices ?? []).filter(
    ({ since }) => !isRolling(window) || isInWindow(window, since, now),
  );
  const others = slices.filter(({ since }) => since !== slice);
  const before = slices.find(({ since }) => since === slice)?.spent ?? NO_AMOUNTS;
  const sorted = [...others, { since: slice, spent: withoutNothing(addAmounts(before, amounts)) }].sort(
    (a, b) => a.since - b.since,
  );
  return { slices: sorted, limits, warned: count?.warned ?? [] };
}

function withoutNothing(amounts: ExactAmounts): ExactAmounts {
  const kept = keysOf(amounts).filter((key) => amounts[key] !== 0n);
  return Object.fromEntries(kept.map((key) => [key, amounts[key]])) as ExactAmounts;
}

/** A digest of the budget's own id: ids of budgets are as long as a kind may be for some names. */
function prefixOf(budget: Cell<StoredBudget>): string {
  return `${digestOf("budget", budget.kind)}/`;
}

const COUNT_CODEC = mappedJson<StoredCount>({
  write: ({ slices, limits, warned }) => ({
    slices: slices.map(({ since, spent }) => [since, writeExact(spent as Readonly<Record<string, bigint>>)]),
    limits: writeAmounts(limits),
    warned: [...warned],
  }),
  read(value) {
    const { slices, limits, warned } = readObject(value, "count") as Record<string, unknown>;
    if (!Array.isArray(slices)) throw invalid("slices", "an array");
    return {
      slices: slices.map(readSlice),
      limits: readStoredAmounts(limits),
      warned: readMarks(warned),
    };
  },
});

function readSlice(value: unknown): Slice {
  if (!Array.isArray(value)) throw invalid("slices", "pairs");
  const [since, spent] = value as [unknown, unknown];
  return {
    since: readInteger(since, "since", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    spent: readExactByName(spent) as ExactAmounts,
  };
}
