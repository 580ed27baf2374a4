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

/** A limit and what stands against it. */
export interface Budget {
  /** What may be spent. */
  readonly limits: Amounts;
  /** Since the budget began to count. */
  readonly spent: Amounts;
  /** By reservations that are open and not overdue. */
  readonly reserved: Amounts;
  /** What may still be reserved; nothing where more was spent than the limit. */
  readonly remaining: Amounts;
}

/** What is held back in all: each hold lies in a record of its own, so that this one does not grow with them. */
export interface HeldBack {
  /** The line in which these holds lie, in the order of the time they are overdue at. */
  readonly queue: string;
  readonly amounts: ExactAmounts;
  readonly count: number;
  /** None of them is overdue before. */
  readonly earliest: number;
}

export interface StoredBudget {
  readonly limits: Partial<ExactAmounts>;
  /** What had been used when it began to count. */
  readonly from: Sums;
  /** Holds from before they had records of their own; none is added. */
  readonly inline: readonly InlineHold[];
  readonly held?: HeldBack;
}

/** What counts against a budget. */
export function spentOf(budget: StoredBudget, total: Sums): ExactAmounts {
  const sums = corruptIfInexact(() => subtractSums(total, budget.from));
  return { tokens: BigInt(tokensOf(sums)), cost: sums.cost, calls: BigInt(sums.calls) };
}

export function reservedOf({ held, inline }: StoredBudget): ExactAmounts {
  return inline.reduce((sum, { amounts }) => addAmounts(sum, amounts), held?.amounts ?? NO_AMOUNTS);
}

/** Without what lies inside it and was not settled in time. */
export function withoutOverdueInline(budget: StoredBudget, now: number): StoredBudget {
  return { ...budget, inline: budget.inline.filter(({ until }) => until > now) };
}

/** With one more hold that lies in `line`. */
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

/** Without one of the holds in its line. */
export function withoutHold(budget: StoredBudget, amounts: ExactAmounts): StoredBudget {
  const { held } = budget;
  if (held === undefined) return budget;
  const left = subtractAmounts(held.amounts, amounts);
  if (held.count < 1 || BUDGET_UNITS.some((unit) => left[unit] < 0n))
    throw new StateError("CORRUPT", "a budget holds back less than one of its reservations", { details: {} });
  return { ...budget, held: { ...held, amounts: left, count: held.count - 1 } };
}

/** Refuses what would take the budget beyond a limit. BUDGET_EXCEEDED. */
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
      `the ${scope}'s budget of ${unit} does not hold what was asked for: limit ${limit}, spent ${details.spent}, reserved ${reserved}, requested ${details.requested}`,
      { details },
    );
  }
}

/** A budget as it is handed out; `overdue` is what is still counted as held back and is not any more. */
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

/** Version 0 kept all holds inside. */
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

/** As text: sums of many holds may leave the integers that a number has. */
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
