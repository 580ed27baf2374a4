import { invalid, StateError } from "../../errors.js";
import { readInteger, readNamed, readObject } from "../../validate.js";
import { readEventId } from "../../validate-text.js";
import { mappedJson } from "../codec.js";
import type { JsonValue } from "../json-value.js";
import type { BudgetUnit } from "./errors.js";
import { formatMoney, type Money, type MoneyInput, readMoney } from "./money.js";
import { exactly, minus, readSums, type Sums, tokensOf, writeSums } from "./usage.js";

/** Amounts of what can be limited, any of them. */
export interface AmountsInput {
  /** Of all four counts together. */
  readonly tokens?: number;
  readonly cost?: MoneyInput;
  readonly calls?: number;
}

/** Amounts as they are handed out. */
export interface Amounts {
  readonly tokens?: number;
  readonly cost?: Money;
  readonly calls?: number;
}

/** A limit and what stands against it. */
export interface Budget {
  readonly limits: Amounts;
  /** Since the budget began to count. */
  readonly spent: Amounts;
  /** By reservations that are open and not overdue. */
  readonly reserved: Amounts;
  /** What may still be reserved; nothing where more was spent than the limit. */
  readonly remaining: Amounts;
}

/** Every amount as a bigint: tokens and calls as they are, money in units of 10^-12. */
type Exact = { readonly [U in BudgetUnit]: bigint };

export interface Held {
  readonly id: string;
  readonly amounts: Exact;
  /** In milliseconds since 1970. */
  readonly until: number;
}

export interface StoredBudget {
  readonly limits: Partial<Exact>;
  /** What had been used when it began to count. */
  readonly from: Sums;
  readonly open: readonly Held[];
}

export const UNITS = ["tokens", "cost", "calls"] as const satisfies readonly BudgetUnit[];

/** Limits, one at least. */
export function readLimits(value: unknown): Partial<Exact> {
  const limits = readAmounts(value, "limits");
  if (Object.keys(limits).length === 0)
    throw invalid("limits", `an object with ${UNITS.join(", ")}, or some of them`);
  return limits;
}

/** What a call is expected to use: a call, if nothing else is said. */
export function readRequest(value: AmountsInput): Exact {
  const amounts = { tokens: 0n, cost: 0n, calls: 1n, ...readAmounts(value, "amounts") };
  if (isSame(amounts, { tokens: 0n, cost: 0n, calls: 0n })) throw invalid("amounts", "more than nothing");
  return amounts;
}

/** What counts against a budget. */
export function spentOf(budget: StoredBudget, total: Sums): Exact {
  const sums = exactly(() => minus(total, budget.from));
  return { tokens: BigInt(tokensOf(sums)), cost: sums.cost, calls: BigInt(sums.calls) };
}

/** Without what was reserved and not settled in time. */
export function withoutOverdue(budget: StoredBudget, now: number): StoredBudget {
  return { ...budget, open: budget.open.filter(({ until }) => until > now) };
}

export function withoutHeld(budget: StoredBudget, id: string): StoredBudget {
  return { ...budget, open: budget.open.filter((held) => held.id !== id) };
}

/** Refuses what would take the budget beyond a limit. BUDGET_EXCEEDED. */
export function refuseOverspending(
  scope: "tenant" | "user" | "session",
  budget: StoredBudget,
  spent: Exact,
  requested: Exact,
): void {
  const reserved = reservedOf(budget);
  for (const unit of UNITS) {
    const limit = budget.limits[unit];
    if (limit === undefined || spent[unit] + reserved[unit] + requested[unit] <= limit) continue;
    throw new StateError(
      "BUDGET_EXCEEDED",
      `the ${scope}'s budget of ${unit} does not hold what was asked for`,
      {
        details: {
          scope,
          unit,
          limit: amountOf(unit, limit),
          spent: amountOf(unit, spent[unit]),
          reserved: amountOf(unit, reserved[unit]),
          requested: amountOf(unit, requested[unit]),
        },
      },
    );
  }
}

/** A budget as it is handed out. */
export function budgetOf(budget: StoredBudget, total: Sums): Budget {
  const spent = spentOf(budget, total);
  const reserved = reservedOf(budget);
  const remaining: Partial<Record<BudgetUnit, bigint>> = {};
  for (const unit of UNITS) {
    const limit = budget.limits[unit];
    if (limit === undefined) continue;
    const left = limit - spent[unit] - reserved[unit];
    remaining[unit] = left > 0n ? left : 0n;
  }
  return {
    limits: amountsOf(budget.limits),
    spent: amountsOf(spent),
    reserved: amountsOf(reserved),
    remaining: amountsOf(remaining),
  };
}

export function amountsOf(exact: Partial<Exact>): Amounts {
  const given = UNITS.filter((unit) => exact[unit] !== undefined);
  return Object.fromEntries(given.map((unit) => [unit, amountOf(unit, exact[unit] as bigint)]));
}

export function isSame(a: Exact, b: Exact): boolean {
  return UNITS.every((unit) => a[unit] === b[unit]);
}

export const BUDGET = mappedJson<StoredBudget>({
  write: ({ limits, from, open }) => ({
    limits: { ...amountsOf(limits) },
    from: writeSums(from),
    open: open.map(({ id, amounts, until }) => ({
      id,
      amounts: { ...amountsOf(amounts) },
      until,
    })) as JsonValue[],
  }),
  read(value) {
    const { limits, from, open } = readObject(value, "budget") as Record<string, unknown>;
    if (!Array.isArray(open)) throw invalid("open", "an array");
    return { limits: readLimits(limits), from: readSums(from), open: open.map(readHeld) };
  },
});

function readHeld(value: unknown): Held {
  const { id, amounts, until } = readObject(value, "reservation") as Record<string, unknown>;
  return {
    id: readEventId(id, "id"),
    amounts: readRequest(amounts as AmountsInput),
    until: readInteger(until, "until", 0, Number.MAX_SAFE_INTEGER),
  };
}

function readAmounts(value: unknown, field: string): Partial<Exact> {
  const given = readNamed(value, field, UNITS) as AmountsInput;
  const amounts: Partial<Record<BudgetUnit, bigint>> = {};
  for (const unit of UNITS) {
    if (!(unit in given)) continue;
    amounts[unit] =
      unit === "cost"
        ? readMoney(given.cost, unit)
        : BigInt(readInteger(given[unit], unit, 0, Number.MAX_SAFE_INTEGER));
  }
  return amounts;
}

function reservedOf({ open }: StoredBudget): Exact {
  const sum = (unit: BudgetUnit) => open.reduce((total, { amounts }) => total + amounts[unit], 0n);
  return { tokens: sum("tokens"), cost: sum("cost"), calls: sum("calls") };
}

function amountOf(unit: BudgetUnit, exact: bigint): number | Money {
  return unit === "cost" ? formatMoney(exact) : Number(exact);
}
