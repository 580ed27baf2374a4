import { invalid } from "../contract/errors.js";
import type { JsonValue } from "../typed/json-value.js";
import { readInteger, readNamed, readObject, readOneOf } from "../validation/validate.js";
import {
  AMOUNT_FIELDS,
  type AmountKey,
  type AmountsInput,
  type ExactAmounts,
  formatAmount,
  keysOf,
  readLimits,
  readStoredAmounts,
  unitOf,
  writeAmounts,
} from "./amounts.js";
import type { BudgetPlace, BudgetUnit } from "./errors.js";
import type { Money } from "./money.js";

/** A budget has reached one of the shares or amounts that `warnAt` names. Each is reported once in a period. */
export interface BudgetWarning extends BudgetPlace {
  /** What is limited. */
  readonly unit: BudgetUnit;
  /** The currency of a cost, if the budget names one. */
  readonly currency?: string;
  /** The share of the limit that was reached, where `warnAt` names one. */
  readonly share?: number;
  /** The amount that was reached, where `warnAt` names one. */
  readonly amount?: number | Money;
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

/** A share or an amount that is reached, and the mark that says that it was reported. */
export interface ReachedThreshold extends Pick<BudgetWarning, "share" | "amount"> {
  readonly mark: string;
  readonly key: AmountKey;
}

/** What a budget reports when it is reached: a share of each of its limits, or an amount. */
export type Threshold = number | ThresholdAmount;

/** An amount of something that a budget limits. */
export interface ThresholdAmount {
  readonly key: AmountKey;
  readonly amount: bigint;
}

const MILLION = 1_000_000;
const MAX_THRESHOLDS = 8;
const RULE = `up to ${MAX_THRESHOLDS} shares of the limit above 0 and up to 1, such as [0.8, 1], or amounts of what is limited, such as { cost: "5" }`;

/** What is reached, of all of the limits. */
export function reachedOf(
  warnAt: readonly Threshold[],
  limits: ExactAmounts,
  spent: ExactAmounts,
): ReachedThreshold[] {
  return keysOf(limits).flatMap((key) =>
    warnAt.flatMap((threshold): ReachedThreshold[] => {
      const used = spent[key] ?? 0n;
      if (typeof threshold !== "number") {
        const { amount } = threshold;
        const isMet = threshold.key === key && used >= amount;
        return isMet ? [{ mark: `${key}>${amount}`, key, amount: formatAmount(key, amount) }] : [];
      }
      if (!isReached(threshold, limits[key] ?? 0n, used)) return [];
      return [{ mark: `${key}@${threshold}`, key, share: threshold }];
    }),
  );
}

/** Nothing spent reaches no share, not even one of a limit of 0. */
function isReached(share: number, limit: bigint, spent: bigint): boolean {
  return spent > 0n && spent * BigInt(MILLION) >= limit * BigInt(Math.round(share * MILLION));
}

export function warningOf(
  place: BudgetPlace,
  { key, mark: _, ...reached }: ReachedThreshold,
  limits: ExactAmounts,
  spent: ExactAmounts,
  period: { readonly since: number; readonly until: number } | undefined,
): StoredWarning {
  const format = (amounts: ExactAmounts) => formatAmount(key, amounts[key] ?? 0n);
  const { since, until } = period ?? {};
  return {
    ...place,
    ...unitOf(key),
    ...reached,
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

/** Reads the shares and amounts at which a budget warns. An object of several amounts is as many thresholds. */
export function readThresholds(value: unknown, limits: ExactAmounts): readonly Threshold[] {
  if (!Array.isArray(value)) throw invalid("warnAt", RULE);
  const given = value.flatMap((threshold: unknown): readonly Threshold[] =>
    typeof threshold === "number" ? [readShare(threshold)] : readThresholdAmounts(threshold, limits),
  );
  if (given.length > MAX_THRESHOLDS) throw invalid("warnAt", RULE);
  const marks = new Map(given.map((threshold) => [markOf(threshold), threshold]));
  return [...marks.values()].sort(byShare);
}

function readShare(share: number): number {
  const millionths = Math.round(share * MILLION);
  if (!(millionths >= 1 && millionths <= MILLION) || millionths / MILLION !== share)
    throw invalid("warnAt", RULE);
  return share;
}

function readThresholdAmounts(value: unknown, limits: ExactAmounts): ThresholdAmount[] {
  const fields = [...AMOUNT_FIELDS];
  const amounts = readLimits(readNamed(value, "warnAt", fields) as AmountsInput);
  return keysOf(amounts).map((key) => {
    const amount = amounts[key] ?? 0n;
    // Of what is not limited, the budget would have nothing to say beside it.
    if (limits[key] === undefined || amount === 0n) throw invalid("warnAt", RULE);
    return { key, amount };
  });
}

function markOf(threshold: Threshold): string {
  return typeof threshold === "number" ? `@${threshold}` : `${threshold.key}>${threshold.amount}`;
}

/** Shares first, the smallest first; amounts as they were given. */
function byShare(a: Threshold, b: Threshold): number {
  if (typeof a === "number") return typeof b === "number" ? a - b : -1;
  return typeof b === "number" ? 1 : 0;
}

/** Shares as numbers, amounts as objects by key. */
export function writeThresholds(warnAt: readonly Threshold[]): JsonValue[] {
  return warnAt.map((threshold) =>
    typeof threshold === "number" ? threshold : writeAmounts({ [threshold.key]: threshold.amount }),
  );
}

export function readStoredThresholds(value: unknown): readonly Threshold[] {
  if (!Array.isArray(value)) throw invalid("warnAt", RULE);
  return value.flatMap((threshold: unknown): Threshold[] => {
    if (typeof threshold === "number") return [readShare(threshold)];
    const amounts = readStoredAmounts(threshold);
    return keysOf(amounts).map((key) => ({ key, amount: amounts[key] ?? 0n }));
  });
}

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
