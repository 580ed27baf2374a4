import { invalid } from "../contract/errors.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readTime } from "../validation/fields.js";
import { readInteger, readObject } from "../validation/validate.js";
import { readEventId } from "../validation/validate-text.js";
import { type ExactAmounts, readStoredAmounts, writeAmounts } from "./amounts.js";
import type { Counter, HeldBack, StoredBudget } from "./budget.js";
import { readStoredFilter } from "./budget-scope.js";
import { readStoredThresholds, writeThresholds } from "./budget-warning.js";
import { readLabel } from "./entry.js";
import { type InlineHold, readUntil } from "./hold.js";
import { readExactByName, readSums, writeExact, writeSums } from "./usage.js";
import { readStoredWindow } from "./window.js";

/** Version 0 kept all holds inline. Version 1 had no names, filters, windows and warnings. */
export const BUDGET_CODEC = mappedJson<StoredBudget>({
  version: 2,
  write: ({ limits, from, inline, held, filter, window, warnAt, warned, counter, ...name }) => ({
    ...name,
    limits: writeAmounts(limits),
    from: writeSums(from),
    open: inline.map(({ id, amounts, until }) => ({ id, amounts: writeAmounts(amounts), until })),
    ...(held && { held: writeHeld(held) }),
    filter: filter as JsonValue,
    ...(window && { window: { ...window } }),
    warnAt: writeThresholds(warnAt),
    warned: [...warned],
    ...(counter && { counter: { ...counter } }),
  }),
  read(value) {
    const given = readObject(value, "budget") as Record<string, unknown>;
    const { limits, from, open, held, filter = {}, warnAt = [], warned = [] } = given;
    if (!Array.isArray(open)) throw invalid("open", "an array");
    return {
      limits: readStoredAmounts(limits),
      from: readSums(from),
      inline: open.map(readInline),
      ...(held === undefined ? {} : { held: readHeld(held) }),
      ...optional(given, "name", readLabel),
      filter: readStoredFilter(filter),
      ...optional(given, "window", readStoredWindow),
      warnAt: readStoredThresholds(warnAt),
      warned: readMarks(warned),
      ...optional(given, "counter", readCounter),
    };
  },
});

/** Reads which shares of limits were reported. */
export function readMarks(value: unknown): string[] {
  if (!Array.isArray(value)) throw invalid("warned", "an array");
  return value.map((mark) => readLabel(mark, "warned"));
}

function readInline(value: unknown): InlineHold {
  const { id, amounts, until } = readObject(value, "reservation") as Record<string, unknown>;
  return { id: readEventId(id, "id"), amounts: readStoredAmounts(amounts), until: readUntil(until) };
}

/** Stored, the queue is called `line`. */
function writeHeld({ queue, amounts, count, earliest }: HeldBack): JsonValue {
  return { line: queue, amounts: writeExact(amounts as Readonly<Record<string, bigint>>), count, earliest };
}

function readHeld(value: unknown): HeldBack {
  const { line: queue, amounts, count, earliest } = readObject(value, "held") as Record<string, unknown>;
  return {
    queue: readLabel(queue, "line"),
    amounts: readHeldAmounts(amounts),
    count: readInteger(count, "count", 0, Number.MAX_SAFE_INTEGER),
    earliest: readUntil(earliest),
  };
}

function readHeldAmounts(value: unknown): ExactAmounts {
  const amounts = readExactByName(value);
  if (Object.values(amounts).some((amount) => amount < 0n)) throw invalid("amounts", "0 or more");
  return amounts as ExactAmounts;
}

function readCounter(value: unknown): Counter {
  const { id, since } = readObject(value, "counter") as Record<string, unknown>;
  return { id: readLabel(id, "counter"), since: readTime(since, "since") };
}
