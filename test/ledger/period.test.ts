import fc from "fast-check";
import { expect, test } from "vitest";
import { readPeriod, splitDays } from "../../src/ledger/period.js";

const DAY = 86_400_000;
const at = (text: string) => new Date(text);

test.each([
  ["no bounds", {}, { days: {}, partialDays: [] }],
  [
    "whole days",
    { since: at("2026-01-01"), until: at("2026-01-03") },
    { days: { first: "2026-01-01", last: "2026-01-02" }, partialDays: [] },
  ],
  [
    "a piece of one day",
    { since: at("2026-01-01T10:00Z"), until: at("2026-01-01T11:00Z") },
    { days: undefined, partialDays: [{ since: +at("2026-01-01T10:00Z"), until: +at("2026-01-01T11:00Z") }] },
  ],
  [
    "pieces of two days and none between",
    { since: at("2026-01-01T10:00Z"), until: at("2026-01-02T11:00Z") },
    {
      days: undefined,
      partialDays: [
        { since: +at("2026-01-01T10:00Z"), until: +at("2026-01-02") },
        { since: +at("2026-01-02"), until: +at("2026-01-02T11:00Z") },
      ],
    },
  ],
  [
    "a piece, a day, and no end",
    { since: at("2026-01-01T00:00:00.001Z") },
    {
      days: { first: "2026-01-02" },
      partialDays: [{ since: +at("2026-01-01T00:00:00.001Z"), until: +at("2026-01-02") }],
    },
  ],
])("%s", (_, period, split) => {
  expect(splitDays(readPeriod(period))).toEqual(split);
});

test("whatever the bounds, each moment is in exactly one part if it is in the period, and in none if not", () => {
  const moment = fc.integer({ min: -5 * DAY, max: 5 * DAY });
  const bound = fc.oneof(
    moment,
    fc.integer({ min: -5, max: 5 }).map((day) => day * DAY),
  );
  fc.assert(
    fc.property(bound, bound, moment, (a, b, time) => {
      if (a === b) return;
      const [since, until] = [Math.min(a, b), Math.max(a, b)];
      const { days, partialDays } = splitDays({ since, until });
      const inPartialDays = partialDays.filter((part) => time >= part.since && time < part.until).length;
      const day = new Date(time).toISOString().slice(0, 10);
      const inDays =
        days !== undefined && day >= (days.first as string) && day <= (days.last as string) ? 1 : 0;
      expect(inPartialDays + inDays).toBe(time >= since && time < until ? 1 : 0);
    }),
    { numRuns: 5000 },
  );
});

test.each([
  ["until", { since: at("2026-01-02"), until: at("2026-01-01") }],
  ["until", { since: at("2026-01-01"), until: at("2026-01-01") }],
  ["since", { since: at("not a date") }],
  ["until", { until: "2026-01-01" }],
])("refuses a period with a bad %s", (field, period) => {
  expect(() => readPeriod(period as never)).toThrow(new RegExp(`^${field} must be`));
});
