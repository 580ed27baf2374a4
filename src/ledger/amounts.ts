import { invalid } from "../contract/errors.js";
import type { JsonValue } from "../typed/json-value.js";
import { readInteger, readObject } from "../validation/validate.js";
import { costKey, currencyOf, readCurrency } from "./currency.js";
import type { BudgetUnit } from "./errors.js";
import { formatMoney, type Money, type MoneyInput, readMoney } from "./money.js";
import { formatQuantity, type Quantities, readQuantities } from "./quantity.js";
import { type Sums, tokensOf } from "./usage.js";

/** Amounts of tokens, cost, calls and named units; each is optional. */
export interface AmountsInput {
  /** The sum of all four counts. */
  readonly tokens?: number;
  /** Money: a decimal in text, such as `"0.05"`. */
  readonly cost?: MoneyInput;
  /** The currency of the cost, such as `"EUR"`. Left out, it is that of calls which name none. */
  readonly currency?: string;
  /** A number of model calls. */
  readonly calls?: number;
  /** Quantities by name, such as `{ images: 2 }`: at most 16, with up to 6 digits behind the point. */
  readonly units?: Quantities;
}

/** Amounts as callers get them. */
export interface Amounts {
  /** The sum of all four counts. */
  readonly tokens?: number;
  /** Money: a decimal in text. */
  readonly cost?: Money;
  /** The currency of the cost. */
  readonly currency?: string;
  /** A number of model calls. */
  readonly calls?: number;
  /** Quantities by name. */
  readonly units?: Quantities;
}

/** What can be limited: a cost without a currency or with one, tokens, calls and named units. */
export type AmountKey = "tokens" | "cost" | `cost.${string}` | "calls" | `units.${string}`;

/** Exact amounts. Money is in units of 10^-12, named units in millionths. An absent amount is 0, or not limited. */
export type ExactAmounts = { readonly [K in AmountKey]?: bigint };

export const AMOUNT_FIELDS = ["tokens", "cost", "currency", "calls", "units"] as const;

export const NO_AMOUNTS: ExactAmounts = {};

/** Reads limits; at least one must be given. */
export function readLimits(value: AmountsInput): ExactAmounts {
  const limits = readAmounts(value);
  if (keysOf(limits).length === 0)
    throw invalid("limits", `an object with ${AMOUNT_FIELDS.join(", ")}, or some of them`);
  return limits;
}

/** Reads the amounts that a call is expected to use. Default: one call. */
export function readRequest(value: AmountsInput): ExactAmounts {
  const amounts: ExactAmounts = { calls: 1n, ...readAmounts(value) };
  if (isSameAmounts(amounts, NO_AMOUNTS)) throw invalid("amounts", "more than nothing");
  return amounts;
}

function readAmounts(given: AmountsInput): ExactAmounts {
  const currency = "currency" in given ? readCurrency(given.currency) : undefined;
  if (currency !== undefined && !("cost" in given)) throw invalid("cost", "given where there is a currency");
  const units = "units" in given ? Object.entries(readQuantities(given.units)) : [];
  return {
    ...("tokens" in given ? { tokens: readCount(given.tokens, "tokens") } : {}),
    ...("cost" in given ? { [costKey(currency)]: readMoney(given.cost, "cost") } : {}),
    ...("calls" in given ? { calls: readCount(given.calls, "calls") } : {}),
    ...Object.fromEntries(units.map(([name, quantity]) => [`units.${name}`, quantity])),
  };
}

function readCount(value: unknown, field: string): bigint {
  return BigInt(readInteger(value, field, 0, Number.MAX_SAFE_INTEGER));
}

export function keysOf(amounts: ExactAmounts): AmountKey[] {
  return Object.keys(amounts) as AmountKey[];
}

/** Amounts of one currency as callers get them. */
export function formatAmounts(exact: ExactAmounts): Amounts {
  const { tokens, calls } = exact;
  const cost = keysOf(exact).find(isCost);
  const currency = cost && currencyOf(cost);
  const units = keysOf(exact).filter(isUnit);
  return {
    ...(tokens === undefined ? {} : { tokens: Number(tokens) }),
    ...(cost === undefined ? {} : { cost: formatMoney(exact[cost] ?? 0n) }),
    ...(currency === undefined ? {} : { currency }),
    ...(calls === undefined ? {} : { calls: Number(calls) }),
    ...(units.length === 0
      ? {}
      : { units: Object.fromEntries(units.map((key) => [nameOf(key), formatQuantity(exact[key] ?? 0n)])) }),
  };
}

/** Formats one amount: money as a decimal in text, everything else as a number. */
export function formatAmount(key: AmountKey, exact: bigint): number | Money {
  if (isCost(key)) return formatMoney(exact);
  return isUnit(key) ? formatQuantity(exact) : Number(exact);
}

/** The name of what is limited, and the currency of a cost. */
export function unitOf(key: AmountKey): { readonly unit: BudgetUnit; readonly currency?: string } {
  if (!isCost(key)) return { unit: key };
  const currency = currencyOf(key);
  return currency === undefined ? { unit: "cost" } : { unit: "cost", currency };
}

export function isCost(key: AmountKey): key is "cost" | `cost.${string}` {
  return key === "cost" || key.startsWith("cost.");
}

function isUnit(key: AmountKey): key is `units.${string}` {
  return key.startsWith("units.");
}

function nameOf(key: `units.${string}`): string {
  return key.slice("units.".length);
}

/** What budgets count of sums: calls without a price at what they were charged. */
export function amountsOf(sums: Sums): ExactAmounts {
  const { cost, calls, more = {} } = sums;
  const amounts: Record<string, bigint> = { tokens: BigInt(tokensOf(sums)), cost, calls: BigInt(calls) };
  for (const [name, amount] of Object.entries(more)) {
    const key = name.replace(/^charged/, "cost");
    amounts[key] = (amounts[key] ?? 0n) + amount;
  }
  return amounts;
}

export function addAmounts(a: ExactAmounts, b: ExactAmounts): ExactAmounts {
  return combine(a, b, 1n);
}

export function subtractAmounts(a: ExactAmounts, b: ExactAmounts): ExactAmounts {
  return combine(a, b, -1n);
}

function combine(a: ExactAmounts, b: ExactAmounts, sign: bigint): ExactAmounts {
  const sums: Record<string, bigint> = {};
  for (const key of keysOf({ ...a, ...b })) sums[key] = (a[key] ?? 0n) + sign * (b[key] ?? 0n);
  return sums;
}

export function isSameAmounts(a: ExactAmounts, b: ExactAmounts): boolean {
  return Object.values(subtractAmounts(a, b)).every((difference) => difference === 0n);
}

/** Stored by key: counts as numbers, money as a decimal, as earlier versions stored the three they had. */
export function writeAmounts(exact: ExactAmounts): { [key: string]: JsonValue } {
  return Object.fromEntries(keysOf(exact).map((key) => [key, formatAmount(key, exact[key] ?? 0n)]));
}

export function readStoredAmounts(value: unknown): ExactAmounts {
  const amounts: Record<string, bigint> = {};
  for (const [key, amount] of Object.entries(readObject(value, "amounts"))) {
    if (key === "tokens" || key === "calls") amounts[key] = readCount(amount, key);
    else if (isCost(key as AmountKey)) amounts[key] = readMoney(amount, key);
    else if (key.startsWith("units."))
      Object.assign(amounts, readAmounts({ units: { [key.slice("units.".length)]: amount as number } }));
    else throw invalid("amounts", "by tokens, cost, calls or units");
  }
  return amounts;
}
