import { invalid } from "../contract/errors.js";
import type { CallOptions } from "../contract/store.js";
import { optional } from "../validation/fields.js";
import { readLimit, readNamed, readOneOf, readSignal } from "../validation/validate.js";
import { readBudgetKey } from "./budget-scope.js";
import { readTimeZone } from "./calendar.js";
import { readCurrency } from "./currency.js";
import { sumsOf } from "./entry.js";
import { type GroupOrder, UsageGroups, type UsageSummary } from "./groups.js";
import { type Period, readPeriod, splitDays } from "./period.js";
import type { Reader } from "./reader.js";
import {
  isTime,
  namesInEntry,
  namesInRollup,
  readBy,
  rollupSourceOf,
  type SummarizeBy,
  type SummaryQuery,
} from "./summary-query.js";

/** The options of `summarize`. */
export interface SummarizeOptions extends Period, CallOptions {
  /** What to group by: one to three things. */
  readonly by: SummarizeBy;
  /** The IANA time zone of hours, days, weeks and months, such as `"Europe/Berlin"`. Default UTC. */
  readonly timeZone?: string;
  /** By what the groups are sorted. `time` is the first hour, day, week or month of `by`. Default `cost`. */
  readonly orderBy?: GroupOrder["orderBy"];
  /** The highest first (`desc`), or the lowest. Default `desc`, and `asc` by time. */
  readonly order?: GroupOrder["order"];
  /** The currency of the cost that the groups are sorted by. Default: that of calls which name none. */
  readonly currency?: string;
  /** How many groups are returned, 1 to 10,000. Default: all. The total is that of all groups. */
  readonly limit?: number;
}

const OPTIONS = ["by", "timeZone", "since", "until", "orderBy", "order", "currency", "limit", "signal"];

/** Reads a question and answers it. INVALID_RECORD, IDENTITY_REQUIRED. */
export async function summarize(
  reader: Reader,
  scope: unknown,
  options: SummarizeOptions,
): Promise<UsageSummary> {
  const given = readNamed(options, "options", OPTIONS) as SummarizeOptions;
  const by = readBy(given.by);
  const time = by.findIndex(isTime);
  if (time < 0 && "timeZone" in given)
    throw invalid("by", "by hour, day, week or month where there is timeZone");
  const orderBy = "orderBy" in given ? readOneOf(given.orderBy, "orderBy", ORDERS) : "cost";
  if (time < 0 && orderBy === "time") throw invalid("by", "by hour, day, week or month to sort by time");
  const { timeZone = "UTC" } = optional(given, "timeZone", readTimeZone);
  const { order = orderBy === "time" ? "asc" : "desc" } = optional(given, "order", readDirection);
  const { currency } = optional(given, "currency", readCurrency);
  const { limit } = optional(given, "limit", (value) => readLimit(value));
  const key = readBudgetKey(scope, {});
  const query = { ...key, by, timeZone, period: readPeriod(given) };
  const groups = await sumUp(reader, query, readSignal(given));
  return groups.summary({ orderBy, order, time, currency, limit });
}

const ORDERS = ["cost", "calls", "tokens", "time"] as const;

function readDirection(value: unknown, field: string): GroupOrder["order"] {
  return readOneOf(value, field, ["asc", "desc"]);
}

/**
 * Adds up the calls of a query by group: whole days from the rollups where these have the sums, everything else from the
 * entries. It holds the groups in memory, and a page of what it reads. It is not a snapshot.
 */
export async function sumUp(
  reader: Reader,
  query: SummaryQuery,
  signal: AbortSignal | undefined,
): Promise<UsageGroups> {
  const { scope, period } = query;
  const groups = new UsageGroups();
  const source = rollupSourceOf(query);
  const { days, partialDays } = splitDays(period);
  if (source !== undefined && days !== undefined) {
    for await (const { day, rollup } of reader.sumsOfDays(scope.tenant, source, days, signal))
      groups.add(namesInRollup(query, day, rollup), rollup.sums);
  }
  for (const part of source === undefined ? [period] : partialDays) {
    for await (const { user, entry } of reader.unordered(scope, part, signal)) {
      const names = namesInEntry(query, entry, user);
      if (names !== undefined) groups.add(names, sumsOf(entry));
    }
  }
  return groups;
}
