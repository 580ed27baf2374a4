import { invalid, isStateError, StateError } from "../contract/errors.js";
import type { JsonValue } from "../typed/json-value.js";
import { readInteger, readObject } from "../validation/validate.js";
import { formatMoney, type Money } from "./money.js";
import { formatQuantity, type Quantities } from "./quantity.js";

/** The four counts of tokens of a model call. No count includes another. */
export const TOKEN_COUNTS = [
  "promptTokens",
  "completionTokens",
  "cachedReadTokens",
  "cachedWriteTokens",
] as const;

/** Four counts of tokens. No count includes another. */
export interface TokenCounts {
  /** Tokens of the prompt that were neither read from a cache nor written to one. */
  readonly promptTokens: number;
  /** Tokens that the model generated. */
  readonly completionTokens: number;
  /** Tokens of the prompt that were read from a cache. */
  readonly cachedReadTokens: number;
  /** Tokens of the prompt that were written to a cache. */
  readonly cachedWriteTokens: number;
}

/** The usage of a number of calls, as callers get it. */
export interface Usage extends TokenCounts {
  /** The number of recorded calls. */
  readonly calls: number;
  /** The number of these calls whose price was not known. They add nothing to `cost`. */
  readonly unpricedCalls: number;
  /** The sum of all four counts. */
  readonly tokens: number;
  /** The exact cost of the calls that name no currency: a decimal in text. */
  readonly cost: Money;
  /** The exact cost by currency, of the calls that name one. Absent where there are none. */
  readonly costs?: Readonly<Record<string, Money>>;
  /** What was counted by name beside tokens, such as images. Absent where there is nothing. */
  readonly units?: Quantities;
  /**
   * What calls without a price were charged in budgets: the cost that was reserved for them. It is not part of `cost`.
   * Absent where there is none.
   */
  readonly charged?: Money;
  /** The same by currency. */
  readonly chargedIn?: Readonly<Record<string, Money>>;
}

/** The usage of a number of calls as sums. Money is in units of 10^-12. */
export interface Sums extends TokenCounts {
  readonly calls: number;
  readonly unpricedCalls: number;
  /** Without a currency. */
  readonly cost: bigint;
  readonly more?: MoreSums;
}

/**
 * Sums by name: `cost.EUR`, `charged` and `charged.EUR` in units of 10^-12, and `units.images` in millionths. None is 0.
 */
export type MoreSums = Readonly<Record<string, bigint>>;

const COUNTS = ["calls", "unpricedCalls", ...TOKEN_COUNTS] as const;

/** Sums by name that one rollup may have. */
const MAX_NAMES = 64;

export const NO_USAGE: Sums = {
  calls: 0,
  unpricedCalls: 0,
  promptTokens: 0,
  completionTokens: 0,
  cachedReadTokens: 0,
  cachedWriteTokens: 0,
  cost: 0n,
};

/** INVALID_RECORD where a count would exceed the safe integers. */
export function addSums(a: Sums, b: Sums): Sums {
  return combine(a, b, 1);
}

export function subtractSums(a: Sums, b: Sums): Sums {
  return combine(a, b, -1);
}

/** Adds stored sums. CORRUPT where the result is not exact, because only exact sums are written. */
export function corruptIfInexact(add: () => Sums): Sums {
  try {
    return add();
  } catch (error) {
    if (!isStateError(error, "INVALID_RECORD")) throw error;
    throw new StateError("CORRUPT", "the sums of the ledger do not add up", { details: {}, cause: error });
  }
}

export function isZero(sums: Sums): boolean {
  return sums.cost === 0n && sums.more === undefined && COUNTS.every((count) => sums[count] === 0);
}

export function tokensOf(counts: TokenCounts): number {
  return TOKEN_COUNTS.reduce((sum, count) => sum + counts[count], 0);
}

export function usageOf({ more = {}, ...sums }: Sums): Usage {
  const { charged } = more;
  return {
    ...sums,
    tokens: tokensOf(sums),
    cost: formatMoney(sums.cost),
    ...named("costs", more, "cost.", formatMoney),
    ...named("units", more, "units.", formatQuantity),
    ...(charged === undefined ? {} : { charged: formatMoney(charged) }),
    ...named("chargedIn", more, "charged.", formatMoney),
  };
}

/** The sums whose names begin with a prefix, under the rest of their names. */
function named<F extends string, V>(
  field: F,
  more: MoreSums,
  prefix: string,
  format: (exact: bigint) => V,
): { readonly [K in F]?: Readonly<Record<string, V>> } {
  const found = Object.entries(more).filter(([name]) => name.startsWith(prefix));
  if (found.length === 0) return {};
  const values = Object.fromEntries(found.map(([name, exact]) => [name.slice(prefix.length), format(exact)]));
  return { [field]: values } as { [K in F]: Record<string, V> };
}

/** Writes money as an integer number of units, in text. */
export function writeSums({ more, ...sums }: Sums): JsonValue {
  return { ...sums, cost: String(sums.cost), ...(more && { more: writeExact(more) }) };
}

/** Version 0 had no `more`. */
export function readSums(value: unknown): Sums {
  const given = readObject(value, "sums") as Record<string, unknown>;
  const counts = COUNTS.map((count) => [
    count,
    readInteger(given[count], count, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  ]);
  return {
    ...(Object.fromEntries(counts) as Omit<Sums, "cost">),
    cost: readExact(given.cost, "cost"),
    ...(given.more === undefined ? {} : { more: readExactByName(given.more) }),
  };
}

/** Written as text, because sums may exceed the safe integers. */
export function writeExact(exact: MoreSums): Record<string, string> {
  return Object.fromEntries(Object.entries(exact).map(([name, amount]) => [name, String(amount)]));
}

export function readExactByName(value: unknown): MoreSums {
  const given = Object.entries(readObject(value, "amounts"));
  return Object.fromEntries(given.map(([name, digits]) => [name, readExact(digits, name)]));
}

function readExact(digits: unknown, field: string): bigint {
  if (typeof digits !== "string" || !/^-?\d+$/.test(digits)) throw invalid(field, "digits");
  return BigInt(digits);
}

function combine(a: Sums, b: Sums, sign: 1 | -1): Sums {
  // Every call does this for each of its rollups.
  const sums: { -readonly [K in keyof Sums]: Sums[K] } = { ...NO_USAGE };
  for (const count of COUNTS) {
    const sum = a[count] + sign * b[count];
    if (!Number.isSafeInteger(sum)) throw invalid(count, "small enough for the sum to stay exact");
    sums[count] = sum;
  }
  sums.cost = sign === 1 ? a.cost + b.cost : a.cost - b.cost;
  if (a.more === undefined && b.more === undefined) return sums;
  const more = combineMore(a.more, b.more, sign === 1 ? 1n : -1n);
  return { ...sums, ...(more && { more }) };
}

/** INVALID_RECORD where a tenant would count by too many names: each is in a sum that every call changes. */
function combineMore(a: MoreSums = {}, b: MoreSums = {}, sign: bigint): MoreSums | undefined {
  const sums = new Map(Object.entries(a));
  for (const [name, amount] of Object.entries(b)) sums.set(name, (sums.get(name) ?? 0n) + sign * amount);
  const left = [...sums].filter(([, sum]) => sum !== 0n);
  if (left.length > MAX_NAMES)
    throw invalid("units", `of at most ${MAX_NAMES} names and currencies in a tenant`);
  return left.length === 0 ? undefined : Object.fromEntries(left.sort(byName));
}

function byName([a]: readonly [string, bigint], [b]: readonly [string, bigint]): number {
  return a < b ? -1 : 1;
}
