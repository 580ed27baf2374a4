import { invalid } from "../contract/errors.js";
import { formatMoney, readMoney } from "../ledger/money.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { BUDGET_LIMITS, type BudgetLimit, type RunBudget } from "./run.js";
import type { UsageSums } from "./usage.js";

/** The largest budget of seconds: the milliseconds of a hundred years are an exact number. */
const MAX_SECONDS = 100 * 365 * 86_400;

/** Reads a budget, from a caller or from a record. A limit of 0 is refused: nothing could be done under it. */
export function readBudget(value: unknown, field: string): RunBudget {
  const given = { ...readNamed(value, field, BUDGET_LIMITS) } as Partial<Record<BudgetLimit, unknown>>;
  const limits = BUDGET_LIMITS.filter((limit) => limit in given);
  if (limits.length === 0)
    throw invalid(field, `an object with ${BUDGET_LIMITS.join(", ")}, or some of them`);
  return Object.fromEntries(limits.map((limit) => [limit, readLimit(limit, given[limit])]));
}

/** The first limit that is used up, if one is. A limit is used up when the usage has reached it. */
export function usedUp(
  budget: RunBudget | undefined,
  usage: UsageSums,
  runningMs: number,
): BudgetLimit | undefined {
  if (budget === undefined) return undefined;
  const { tokens, cost, loops, seconds } = budget;
  if (tokens !== undefined && usage.tokens >= tokens) return "tokens";
  if (cost !== undefined && usage.cost >= readMoney(cost, "cost")) return "cost";
  if (loops !== undefined && usage.loops >= loops) return "loops";
  if (seconds !== undefined && runningMs >= seconds * 1000) return "seconds";
  return undefined;
}

function readLimit(limit: BudgetLimit, value: unknown): number | string {
  if (limit !== "cost")
    return readInteger(value, limit, 1, limit === "seconds" ? MAX_SECONDS : Number.MAX_SAFE_INTEGER);
  const units = readMoney(value, limit);
  if (units === 0n) throw invalid(limit, "more than 0");
  return formatMoney(units);
}
