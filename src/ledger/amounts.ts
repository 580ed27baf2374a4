import { invalid } from "../contract/errors.js";
import { readInteger, readNamed } from "../validation/validate.js";
import type { BudgetUnit } from "./errors.js";
import { formatMoney, type Money, type MoneyInput, readMoney } from "./money.js";

/** Amounts of tokens, cost and calls; each is optional. */
export interface AmountsInput {
  /** The sum of all four counts. */
  readonly tokens?: number;
  /** Money: a decimal in text, such as `"0.05"`. */
  readonly cost?: MoneyInput;
  /** A number of model calls. */
  readonly calls?: number;
}

/** Amounts as callers get them. */
export interface Amounts {
  /** The sum of all four counts. */
  readonly tokens?: number;
  /** Money: a decimal in text. */
  readonly cost?: Money;
  /** A number of model calls. */
  readonly calls?: number;
}

/** Exact amounts as bigints. Money is in units of 10^-12. */
export type ExactAmounts = { readonly [U in BudgetUnit]: bigint };

export const BUDGET_UNITS = ["tokens", "cost", "calls"] as const satisfies readonly BudgetUnit[];

export const NO_AMOUNTS: ExactAmounts = { tokens: 0n, cost: 0n, calls: 0n };

/** Reads limits; at least one must be given. */
export function readLimits(value: unknown): Partial<ExactAmounts> {
  const limits = readAmounts(value, "limits");
  if (Object.keys(limits).length === 0)
    throw invalid("limits", `an object with ${BUDGET_UNITS.join(", ")}, or some of them`);
  return limits;
}

/** Reads the amounts that a call is expected to use. Default: one call. */
export function readRequest(value: AmountsInput): ExactAmounts {
  const amounts = { tokens: 0n, cost: 0n, calls: 1n, ...readAmounts(value, "amounts") };
  if (isSameAmounts(amounts, NO_AMOUNTS)) throw invalid("amounts", "more than nothing");
  return amounts;
}

export function readAmounts(value: unknown, field: string): Partial<ExactAmounts> {
  const given = readNamed(value, field, BUDGET_UNITS) as AmountsInput;
  const amounts: Partial<Record<BudgetUnit, bigint>> = {};
  for (const unit of BUDGET_UNITS) {
    if (!(unit in given)) continue;
    amounts[unit] =
      unit === "cost"
        ? readMoney(given.cost, unit)
        : BigInt(readInteger(given[unit], unit, 0, Number.MAX_SAFE_INTEGER));
  }
  return amounts;
}

export function formatAmounts(exact: Partial<ExactAmounts>): Amounts {
  const given = BUDGET_UNITS.filter((unit) => exact[unit] !== undefined);
  return Object.fromEntries(given.map((unit) => [unit, formatAmount(unit, exact[unit] as bigint)]));
}

/** Formats an amount: money as a decimal in text, counts as numbers. */
export function formatAmount(unit: BudgetUnit, exact: bigint): number | Money {
  return unit === "cost" ? formatMoney(exact) : Number(exact);
}

export function addAmounts(a: ExactAmounts, b: ExactAmounts): ExactAmounts {
  return { tokens: a.tokens + b.tokens, cost: a.cost + b.cost, calls: a.calls + b.calls };
}

export function subtractAmounts(a: ExactAmounts, b: ExactAmounts): ExactAmounts {
  return { tokens: a.tokens - b.tokens, cost: a.cost - b.cost, calls: a.calls - b.calls };
}

export function isSameAmounts(a: ExactAmounts, b: ExactAmounts): boolean {
  return BUDGET_UNITS.every((unit) => a[unit] === b[unit]);
}
