import { invalid, isStateError, StateError } from "../contract/errors.js";
import type { JsonValue } from "../typed/json-value.js";
import { readInteger, readObject } from "../validation/validate.js";
import { formatMoney, type Money } from "./money.js";

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
  /** The exact cost: a decimal in text. */
  readonly cost: Money;
}

/** The usage of a number of calls as sums. Money is in units of 10^-12. */
export interface Sums extends TokenCounts {
  readonly calls: number;
  readonly unpricedCalls: number;
  readonly cost: bigint;
}

const COUNTS = ["calls", "unpricedCalls", ...TOKEN_COUNTS] as const;

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
  return sums.cost === 0n && COUNTS.every((count) => sums[count] === 0);
}

export function tokensOf(counts: TokenCounts): number {
  return TOKEN_COUNTS.reduce((sum, count) => sum + counts[count], 0);
}

export function usageOf(sums: Sums): Usage {
  return { ...sums, tokens: tokensOf(sums), cost: formatMoney(sums.cost) };
}

/** Writes money as an integer number of units, in text. */
export function writeSums(sums: Sums): JsonValue {
  return { ...sums, cost: String(sums.cost) };
}

export function readSums(value: unknown): Sums {
  const given = readObject(value, "sums") as Record<string, unknown>;
  const counts = COUNTS.map((count) => [
    count,
    readInteger(given[count], count, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  ]);
  if (typeof given.cost !== "string" || !/^-?\d+$/.test(given.cost)) throw invalid("cost", "digits");
  return { ...(Object.fromEntries(counts) as Omit<Sums, "cost">), cost: BigInt(given.cost) };
}

function combine(a: Sums, b: Sums, sign: 1 | -1): Sums {
  const counts = COUNTS.map((count) => {
    const sum = a[count] + sign * b[count];
    if (!Number.isSafeInteger(sum)) throw invalid(count, "small enough for the sum to stay exact");
    return [count, sum];
  });
  const cost = sign === 1 ? a.cost + b.cost : a.cost - b.cost;
  return { ...(Object.fromEntries(counts) as Omit<Sums, "cost">), cost };
}
