import { StateError } from "../contract/errors.js";
import {
  type AmountKey,
  type Amounts,
  addAmounts,
  amountsOf,
  type ExactAmounts,
  formatAmount,
  formatAmounts,
  isCost,
  keysOf,
  NO_AMOUNTS,
  subtractAmounts,
  unitOf,
} from "./amounts.js";
import type { CallFilter } from "./budget-scope.js";
import type { Threshold } from "./budget-warning.js";
import type { BudgetPlace } from "./errors.js";
import type { InlineHold } from "./hold.js";
import { corruptIfInexact, type Sums, subtractSums } from "./usage.js";
import type { Window } from "./window.js";

/** The limits of a scope, with what is spent and reserved of them. */
export interface Budget extends Omit<BudgetPlace, "scope"> {
  /** The limits. */
  readonly limits: Amounts;
  /** The amounts spent since the budget began to count, or in its period. */
  readonly spent: Amounts;
  /** The amounts of open reservations that are not overdue. */
  readonly reserved: Amounts;
  /** The amounts that can still be reserved; 0 if more was spent than the limit. */
  readonly remaining: Amounts;
  /** What the period before left unused, of a budget that carries it over. It is added to the limits. */
  readonly carried?: Amounts;
  /** The beginning of the period that counts now, if the budget has periods. */
  readonly since?: Date;
  /** The end of that period. */
  readonly until?: Date;
  /** When the budget counts less by itself: the end of its period, or when the oldest calls leave its rolling window. */
  readonly resetAt?: Date;
}

/** The sum of a budget's holds. Each hold has a record of its own, so the budget's record does not grow with them. */
export interface HeldBack {
  /** The queue of these holds, ordered by the time at which they are overdue. */
  readonly queue: string;
  readonly amounts: ExactAmounts;
  readonly count: number;
  /** No hold is overdue before this time. */
  readonly earliest: number;
}

export interface StoredBudget {
  readonly limits: ExactAmounts;
  /** The usage of the scope when the budget began to count. Not used by a budget with a counter. */
  readonly from: Sums;
  /** Holds of older versions, which had no records of their own. None is added. */
  readonly inline: readonly InlineHold[];
  readonly held?: HeldBack;
  readonly name?: string;
  readonly filter: CallFilter;
  readonly window?: Window;
  /** What is reported when it is reached. */
  readonly warnAt: readonly Threshold[];
  /** The marks of what was reported, of a budget without a counter. */
  readonly warned: readonly string[];
  /** It counts the calls itself, in records of its own, because no rollup has their sum. */
  readonly counter?: Counter;
}

/** The count of a budget. One that begins anew has another id. */
export interface Counter {
  readonly id: string;
  /** When the budget was set. Periods that ended before are not counted. */
  readonly since: number;
}

/** What counts now: the limits with what was carried over, what is spent, and the period. */
export interface Standing {
  readonly limits: ExactAmounts;
  readonly spent: ExactAmounts;
  readonly carried?: ExactAmounts;
  readonly period?: { readonly since: number; readonly until: number };
  /** Of a rolling window: what leaves it, and when, in order of time. */
  readonly leaving?: readonly Leaving[];
}

/** What leaves a rolling window at a time. */
export interface Leaving {
  readonly at: number;
  readonly amounts: ExactAmounts;
}

/** The amounts spent since a budget without a counter began to count. */
export function spentOfTotal(budget: StoredBudget, total: Sums): ExactAmounts {
  return amountsOf(corruptIfInexact(() => subtractSums(total, budget.from)));
}

export function reservedOf({ held, inline }: StoredBudget): ExactAmounts {
  return inline.reduce((sum, { amounts }) => addAmounts(sum, amounts), held?.amounts ?? NO_AMOUNTS);
}

/** Removes overdue inline holds. */
export function withoutOverdueInline(budget: StoredBudget, now: number): StoredBudget {
  return { ...budget, inline: budget.inline.filter(({ until }) => until > now) };
}

/** Adds a hold of `queue` to the sum. */
export function withHold(
  budget: StoredBudget,
  queue: string,
  { amounts, until }: Pick<InlineHold, "amounts" | "until">,
): StoredBudget {
  const before = budget.held ?? { amounts: NO_AMOUNTS, count: 0, earliest: until };
  const held = {
    queue,
    amounts: addAmounts(before.amounts, amounts),
    count: before.count + 1,
    earliest: before.count === 0 ? until : Math.min(before.earliest, until),
  };
  return { ...budget, held };
}

/** Subtracts a hold of the budget's queue from the sum. */
export function withoutHold(budget: StoredBudget, amounts: ExactAmounts): StoredBudget {
  const { held } = budget;
  if (held === undefined) return budget;
  const left = subtractAmounts(held.amounts, amounts);
  if (held.count < 1 || keysOf(left).some((key) => (left[key] ?? 0n) < 0n))
    throw new StateError("CORRUPT", "a budget holds back less than one of its reservations", { details: {} });
  // A unit that nothing holds back any more leaves no name behind.
  const kept = keysOf(left).filter((key) => left[key] !== 0n);
  const remaining = Object.fromEntries(kept.map((key) => [key, left[key]])) as ExactAmounts;
  return { ...budget, held: { ...held, amounts: remaining, count: held.count - 1 } };
}

/** Refuses a request that would exceed a limit. BUDGET_EXCEEDED. */
export function refuseOverspending(
  place: BudgetPlace,
  budget: StoredBudget,
  standing: Standing,
  requested: ExactAmounts,
): void {
  const { limits, spent } = standing;
  const held = reservedOf(budget);
  for (const key of keysOf(limits)) {
    const [limit = 0n, used = 0n, reserved = 0n] = [limits[key], spent[key], held[key]];
    const asked = requested[key] ?? 0n;
    if (used + reserved + asked <= limit) continue;
    const resetAt = fitsAt(standing, key, used + reserved + asked - limit, asked <= limit);
    const details = {
      ...place,
      ...unitOf(key),
      limit: formatAmount(key, limit),
      spent: formatAmount(key, used),
      reserved: formatAmount(key, reserved),
      requested: formatAmount(key, asked),
      ...(resetAt === undefined ? {} : { resetAt: new Date(resetAt) }),
    };
    const amounts = `limit ${details.limit}, spent ${details.spent}, reserved ${details.reserved}, requested ${details.requested}`;
    throw new StateError(
      "BUDGET_EXCEEDED",
      `the ${place.scope}'s budget of ${details.unit} is too small for this request: ${amounts}`,
      { details },
    );
  }
}

/** When so much of what was spent no longer counts; `undefined` if it never does. */
function fitsAt(
  { period, leaving = [] }: Standing,
  key: AmountKey,
  excess: bigint,
  isWithinLimit: boolean,
): number | undefined {
  if (!isWithinLimit) return undefined;
  if (period !== undefined) return period.until;
  let left = excess;
  for (const { at, amounts } of leaving) {
    left -= amounts[key] ?? 0n;
    if (left <= 0n) return at;
  }
  return undefined;
}

/** A budget as callers get it. `overdue` is the part of the sum of holds that is overdue and no longer counts. */
export function budgetOf(
  { scope: _, ...place }: BudgetPlace,
  budget: StoredBudget,
  { limits, spent, carried, period, leaving }: Standing,
  overdue: ExactAmounts,
): Budget {
  const reserved = subtractAmounts(reservedOf(budget), overdue);
  const remaining: { -readonly [K in keyof ExactAmounts]: bigint } = {};
  for (const key of keysOf(limits)) {
    const left = (limits[key] ?? 0n) - (spent[key] ?? 0n) - (reserved[key] ?? 0n);
    remaining[key] = left > 0n ? left : 0n;
  }
  const resetAt = period?.until ?? leaving?.[0]?.at;
  const [total, whole] = [shown(spent, budget.limits), shown(reserved, budget.limits)];
  return {
    ...place,
    limits: formatAmounts(budget.limits),
    spent: formatAmounts(total),
    reserved: formatAmounts(whole),
    remaining: formatAmounts(remaining),
    ...(carried && { carried: formatAmounts(carried) }),
    ...(period && { since: new Date(period.since), until: new Date(period.until) }),
    ...(resetAt === undefined ? {} : { resetAt: new Date(resetAt) }),
  };
}

/** Tokens, cost and calls, and the units that are limited. The cost is that of the budget's currency. None is below 0. */
function shown(amounts: ExactAmounts, limits: ExactAmounts): ExactAmounts {
  const cost = keysOf(limits).find(isCost) ?? "cost";
  const units = keysOf(limits).filter((key) => key.startsWith("units."));
  const keys = ["tokens", cost, "calls", ...units] as const;
  return Object.fromEntries(
    keys.map((key) => {
      const amount = amounts[key] ?? 0n;
      return [key, amount > 0n ? amount : 0n];
    }),
  ) as ExactAmounts;
}
