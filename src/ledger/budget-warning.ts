import { invalid } from "../contract/errors.js";
import type { JsonValue } from "../typed/json-value.js";
import { readInteger, readObject, readOneOf } from "../validation/validate.js";
import { type AmountKey, type ExactAmounts, formatAmount, keysOf, unitOf } from "./amounts.js";
import type { BudgetPlace, BudgetUnit } from "./errors.js";
import type { Money } from "./money.js";

/** A budget has reached one of the shares of its limit that `warnAt` names. Each is reported once in a period. */
export interface BudgetWarning extends BudgetPlace {
  /** What is limited. */
  readonly unit: BudgetUnit;
  /** The currency of a cost, if the budget names one. */
  readonly currency?: string;
  /** The share that was reached, as `warnAt` names it. */
  readonly share: number;
  /** The limit, with what was carried over. */
  readonly limit: number | Money;
  /** What is spent, this call included. */
  readonly spent: number | Money;
  /** The beginning of the period, if the budget has periods. */
  readonly since?: Date;
  /** The end of the period. */
  readonly until?: Date;
}

/** The same as it is stored with the entry that reported it. */
export type StoredWarning = Omit<BudgetWarning, "since" | "until"> & {
  readonly since?: number;
  readonly until?: number;
};

/** A share of a limit that is reached, and the mark that says that it was reported. */
export interface ReachedShare {
  readonly mark: string;
  readonly key: AmountKey;
  readonly share: number;
}

const MILLION = 1_000_000;

/** The shares of the limits that are reached. */
export function sharesReached(
  warnAt: readonly number[],
  limits: ExactAmounts,
  spent: ExactAmounts,
): ReachedShare[] {
  return keysOf(limits).flatMap((key) =>
    warnAt
      .filter((share) => isReached(share, limits[key] ?? 0n, spent[key] ?? 0n))
      .map((share) => ({ mark: `${key}@${share}`, key, share })),
  );
}

/** Nothing spent reaches no share, not even one of a limit of 0. */
function isReached(share: number, limit: bigint, spent: bigint): boolean {
  return spent > 0n && spent * BigInt(MILLION) >= limit * BigInt(Math.round(share * MILLION));
}

export function warningOf(
  place: BudgetPlace,
  { key, share }: ReachedShare,
  limits: ExactAmounts,
  spent: ExactAmounts,
  period: { readonly since: number; readonly until: number } | undefined,
): StoredWarning {
  const format = (amounts: ExactAmounts) => formatAmount(key, amounts[key] ?? 0n);
  const { since, until } = period ?? {};
  return {
    ...place,
    ...unitOf(key),
    share,
    limit: format(limits),
    spent: format(spent),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

export function warningFrom({ since, until, ...stored }: StoredWarning): BudgetWarning {
  return {
    ...stored,
    ...(since === undefined ? {} : { since: new Date(since) }),
    ...(until === undefined ? {} : { until: new Date(until) }),
  };
}

/** Reads the shares at which a budget warns. */
export function readShares(value: unknown): readonly number[] {
  const rule = `up to ${MAX_SHARES} shares of the limit above 0 and up to 1, such as [0.8, 1]`;
  if (!Array.isArray(value) || value.length > MAX_SHARES) throw invalid("warnAt", rule);
  const shares = value.map((share: unknown) => {
    const millionths = typeof share === "number" ? Math.round(share * MILLION) : Number.NaN;
    if (!(millionths >= 1 && millionths <= MILLION) || millionths / MILLION !== share)
      throw invalid("warnAt", rule);
    return share as number;
  });
  return [...new Set(shares)].sort((a, b) => a - b);
}

const MAX_SHARES = 8;

/** INVALID_RECORD, which becomes CORRUPT of the entry. */
export function readStoredWarnings(value: unknown): StoredWarning[] {
  if (!Array.isArray(value)) throw invalid("warnings", "an array");
  return value.map((warning: JsonValue) => {
    const given = readObject(warning, "warnings") as Record<string, unknown>;
    readOneOf(given.scope, "scope", ["tenant", "user", "session", "run"]);
    for (const time of ["since", "until"])
      if (given[time] !== undefined) readInteger(given[time], time, -1e15, 1e15);
    return given as unknown as StoredWarning;
  });
}
