import { invalid } from "../contract/errors.js";
import { formatMoney, type Money, type MoneyInput, readMoney } from "../ledger/money.js";
import { readInteger, readNamed, readObject } from "../validation/validate.js";

/** What a step used, as callers pass it. */
export interface StepUsageInput {
  /** Tokens. Default 0. */
  readonly tokens?: number;
  /** Money: a decimal in text, such as `"0.05"`. Default 0. */
  readonly cost?: MoneyInput;
  /** Loops: 1 if the step is a loop of the agent, 0 if it is a part of one. Default 1. */
  readonly loops?: number;
}

/** What a step used. */
export interface StepUsage {
  /** Tokens. */
  readonly tokens: number;
  /** The exact cost: a decimal in text. */
  readonly cost: Money;
  /** Loops. */
  readonly loops: number;
}

/** Exact sums. Money is in units of 10^-12. */
export interface UsageSums {
  readonly tokens: number;
  readonly cost: bigint;
  readonly loops: number;
}

export const NO_USAGE: UsageSums = { tokens: 0, cost: 0n, loops: 0 };

/** Reads what a step used. */
export function readUsage(value: unknown, field: string, defaultLoops: 0 | 1): UsageSums {
  const given = { ...readNamed(value, field, ["tokens", "cost", "loops"]) } as StepUsageInput;
  return {
    tokens: "tokens" in given ? readCount(given.tokens, "tokens") : 0,
    cost: "cost" in given ? readMoney(given.cost, "cost") : 0n,
    loops: "loops" in given ? readCount(given.loops, "loops") : defaultLoops,
  };
}

/** INVALID_RECORD where a sum would no longer be exact. */
export function addUsage(a: UsageSums, b: UsageSums): UsageSums {
  return {
    tokens: addCounts(a.tokens, b.tokens, "tokens"),
    cost: a.cost + b.cost,
    loops: addCounts(a.loops, b.loops, "loops"),
  };
}

export function isSameUsage(a: UsageSums, b: UsageSums): boolean {
  return a.tokens === b.tokens && a.cost === b.cost && a.loops === b.loops;
}

export function formatUsage({ tokens, cost, loops }: UsageSums): StepUsage {
  return { tokens, cost: formatMoney(cost), loops };
}

/** Sums as they are stored: money as an integer number of units, in text. */
export interface StoredSums extends Omit<UsageSums, "cost"> {
  readonly cost: string;
}

export function writeSums({ tokens, cost, loops }: UsageSums): {
  readonly [name in keyof UsageSums]: number | string;
} {
  return { tokens, cost: String(cost), loops };
}

export function readSums(value: unknown, field: string): UsageSums {
  const { tokens, cost, loops } = readObject(value, field) as Partial<StoredSums>;
  if (typeof cost !== "string" || !/^\d+$/.test(cost)) throw invalid("cost", "digits");
  return { tokens: readCount(tokens, "tokens"), cost: BigInt(cost), loops: readCount(loops, "loops") };
}

export function readCount(value: unknown, field: string): number {
  return readInteger(value, field, 0, Number.MAX_SAFE_INTEGER);
}

function addCounts(a: number, b: number, field: string): number {
  if (Number.isSafeInteger(a + b)) return a + b;
  throw invalid(field, "small enough for the sum to stay exact");
}
