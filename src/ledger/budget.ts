import { invalid, StateError } from "../contract/errors.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { readInteger, readObject } from "../validation/validate.js";
import { readEventId } from "../validation/validate-text.js";
import {
  type Amounts,
  type AmountsInput,
  addAmounts,
  BUDGET_UNITS,
  type ExactAmounts,
  formatAmount,
  formatAmounts,
  NO_AMOUNTS,
  readLimits,
  readRequest,
  subtractAmounts,
} from "./amounts.js";
import { readLabel } from "./entry.js";
import type { BudgetUnit } from "./errors.js";
import { type InlineHold, readUntil } from "./hold.js";
import { corruptIfInexact, readSums, type Sums, subtractSums, tokensOf, writeSums } from "./usage.js";

/** The limits of a scope, with what is spent and reserved of them. */
export interface Budget {
  /** The limits. */
  readonly limits: Amounts;
  /** The amounts spent since the budget began to count. */
  readonly spent: Amounts;
  /** The amounts of open reservations that are not overdue. */
  readonly reserved: Amounts;
  /** The amounts that can still be reserved; 0 if more was spent than the limit. */
  readonly remaining: Amounts;
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
  readonly limits: Partial<ExactAmounts>;
  /** The usage of the scope when the budget began to count. */
  readonly from: Sums;
  /** Holds of older versions, which had no records of their own. None is added. */
  readonly inline: readonly InlineHold[];
  readonly held?: HeldBack;
}

/** The amounts spent since the budget began to count. */
export function spentOf(budget: StoredBudget, total: Sums): ExactAmounts {
  const sums = corruptIfInexact(() => subtractSums(total, budget.from));
  return { tokens: BigInt(tokensOf(sums)), cost: sums.cost, calls: BigInt(sums.calls) };
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
  if (held.count < 1 || BUDGET_UNITS.some((unit) => left[unit] < 0n))
    throw new StateError("CORRUPT", "a budget holds back less than one of its reservations", { details: {} });
  return { ...budget, held: { ...held, amounts: left, count: held.count - 1 } };
}

/** Refuses a request that would exceed a limit. BUDGET_EXCEEDED. */
export function refuseOverspending(
  scope: "tenant" | "user" | "session",
  budget: StoredBudget,
  spent: ExactAmounts,
  requested: ExactAmounts,
): void {
  const held = reservedOf(budget);
  for (const unit of BUDGET_UNITS) {
    const maximum = budget.limits[unit];
    if (maximum === undefined || spent[unit] + held[unit] + requested[unit] <= maximum) continue;
    const details = {
      scope,
      unit,
      limit: formatAmount(unit, maximum),
      spent: formatAmount(unit, spent[unit]),
      reserved: formatAmount(unit, held[unit]),
      requested: formatAmount(unit, requested[unit]),
    };
    const { limit, reserved } = details;
    throw new StateError(
      "BUDGET_EXCEEDED",
      `the ${scope}'s budget of ${unit} is too small for this request: limit ${limit}, spent ${details.spent}, reserved ${reserved}, requested ${details.requested}`,
      { details },
    );
  }
}

/** A budget as callers get it. `overdue` is the part of the sum of holds that is overdue and no longer counts. */
export function budgetOf(budget: StoredBudget, total: Sums, overdue: ExactAmounts): Budget {
  const spent = spentOf(budget, total);
  const reserved = subtractAmounts(reservedOf(budget), overdue);
  const remaining: Partial<Record<BudgetUnit, bigint>> = {};
  for (const unit of BUDGET_UNITS) {
    const limit = budget.limits[unit];
    if (limit === undefined) continue;
    const left = limit - spent[unit] - reserved[unit];
    remaining[unit] = left > 0n ? left : 0n;
  }
  return {
    limits: formatAmounts(budget.limits),
    spent: formatAmounts(spent),
    reserved: formatAmounts(reserved),
    remaining: formatAmounts(remaining),
  };
}

/** Version 0 kept all holds inline. */
export const BUDGET_CODEC = mappedJson<StoredBudget>({
  version: 1,
  write: ({ limits, from, inline, held }) => ({
    limits: { ...formatAmounts(limits) },
    from: writeSums(from),
    open: inline.map(({ id, amounts, until }) => ({
      id,
      amounts: { ...formatAmounts(amounts) },
      until,
    })) as JsonValue[],
    ...(held && { held: writeHeld(held) }),
  }),
  read(value) {
    const { limits, from, open, held } = readObject(value, "budget") as Record<string, unknown>;
    if (!Array.isArray(open)) throw invalid("open", "an array");
    return {
      limits: readLimits(limits),
      from: readSums(from),
      inline: open.map(readInline),
      ...(held === undefined ? {} : { held: readHeld(held) }),
    };
  },
});

function readInline(value: unknown): InlineHold {
  const { id, amounts, until } = readObject(value, "reservation") as Record<string, unknown>;
  return {
    id: readEventId(id, "id"),
    amounts: readRequest(amounts as AmountsInput),
    until: readUntil(until),
  };
}

/** Stored, the queue is called `line`. */
function writeHeld({ queue, amounts, count, earliest }: HeldBack): JsonValue {
  return { line: queue, amounts: writeExact(amounts), count, earliest };
}

function readHeld(value: unknown): HeldBack {
  const { line: queue, amounts, count, earliest } = readObject(value, "held") as Record<string, unknown>;
  return {
    queue: readLabel(queue, "line"),
    amounts: readExact(amounts),
    count: readInteger(count, "count", 0, Number.MAX_SAFE_INTEGER),
    earliest: readUntil(earliest),
  };
}

/** Written as text, because sums of many holds may exceed the safe integers. */
function writeExact(exact: ExactAmounts): JsonValue {
  return Object.fromEntries(BUDGET_UNITS.map((unit) => [unit, String(exact[unit])]));
}

function readExact(value: unknown): ExactAmounts {
  const given = readObject(value, "amounts") as Record<string, unknown>;
  const read = (unit: BudgetUnit) => {
    const digits = given[unit];
    if (typeof digits !== "string" || !/^\d+$/.test(digits)) throw invalid(unit, "digits");
    return BigInt(digits);
  };
  return { tokens: read("tokens"), cost: read("cost"), calls: read("calls") };
}
