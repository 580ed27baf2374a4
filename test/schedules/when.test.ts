import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { timeAfter, timesUpTo } from "../../src/schedules/when.js";
import { soak } from "../soak.js";
import { type Fields, textOf, walkedTimes } from "./oracle.js";
import { DAY, HOUR, MINUTE } from "./schedules.js";

/** When their clocks are set, in 2026. */
const CHANGES: Readonly<Record<string, readonly string[]>> = {
  "Europe/Berlin": ["2026-03-29T01:00Z", "2026-10-25T01:00Z"],
  "America/New_York": ["2026-03-08T07:00Z", "2026-11-01T06:00Z"],
  "Australia/Lord_Howe": ["2026-04-04T15:00Z", "2026-10-03T15:30Z"],
};
const ZONES = Object.keys(CHANGES);

function library(cron: string, timeZone: string, from: number, to: number): number[] {
  const found: number[] = [];
  for (let time = timeAfter({ cron, timeZone }, from - 1); time !== undefined && time <= to; ) {
    found.push(time);
    time = timeAfter({ cron, timeZone }, time);
  }
  return found;
}

const iso = (times: readonly number[]) => times.map((time) => new Date(time).toISOString());

const list = (least: number, most: number) =>
  fc
    .uniqueArray(fc.integer({ min: least, max: most }), { minLength: 1, maxLength: 3 })
    .map((values) => values.join(","));
const range = (least: number, most: number) =>
  fc
    .tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }))
    .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
const step = (most: number) => fc.integer({ min: 2, max: most }).map((by) => `*/${by}`);

const FIELDS: fc.Arbitrary<Fields> = fc.record({
  minute: fc.oneof(fc.constant("*"), list(0, 59), range(0, 59), step(30)),
  hour: fc.oneof(fc.constant("*"), list(0, 4), range(0, 4), step(6)),
  day: fc.oneof({ weight: 3, arbitrary: fc.constant("*") }, list(1, 28)),
  month: fc.oneof({ weight: 5, arbitrary: fc.constant("*") }, list(1, 12)),
  weekday: fc.oneof({ weight: 3, arbitrary: fc.constant("*") }, list(0, 6)),
});

/** A window around a change of the clock, or anywhere in the years. */
const WINDOW = fc.oneof(
  ...ZONES.flatMap((timeZone) =>
    (CHANGES[timeZone] as readonly string[]).map((change) =>
      fc.record({
        timeZone: fc.constant(timeZone),
        from: fc.integer({ min: -8 * 60, max: -10 }).map((minutes) => Date.parse(change) + minutes * MINUTE),
      }),
    ),
  ),
  fc.record({
    timeZone: fc.constantFrom(...ZONES),
    from: fc.integer({ min: Date.UTC(2024, 1, 27), max: Date.UTC(2030, 0, 1) }),
  }),
);

test("the next times of an expression are those that the clock on the wall shows, minute by minute", () => {
  fc.assert(
    fc.property(FIELDS, WINDOW, (fields, { timeZone, from }) => {
      const to = from + 14 * HOUR;
      const expected = walkedTimes(fields, timeZone, from, to);
      const cron = textOf(fields);
      expect(iso(library(cron, timeZone, from, to))).toEqual(iso(expected));
      // The same backwards.
      const last = timesUpTo({ cron, timeZone }, to, expected.length);
      expect(iso([...last].reverse())).toEqual(iso(expected));
    }),
    { numRuns: soak(20) },
  );
});

test("an expression that is read wrongly is found (control)", () => {
  const wrong = () =>
    fc.assert(
      fc.property(FIELDS, WINDOW, (fields, { timeZone, from }) => {
        const to = from + 14 * HOUR;
        expect(library(textOf(fields), "UTC", from, to)).toEqual(walkedTimes(fields, timeZone, from, to));
      }),
      { numRuns: 60 },
    );
  expect(wrong).toThrow();
});

describe("summer time", () => {
  test.each([
    // Two o'clock is skipped: it comes when the clock shows three. In winter it comes twice: the first counts.
    ["Europe/Berlin", "30 2 * * *", "2026-03-28T12:00Z", ["2026-03-29T01:00", "2026-03-30T00:30"]],
    ["Europe/Berlin", "30 2 * * *", "2026-10-24T12:00Z", ["2026-10-25T00:30", "2026-10-26T01:30"]],
    ["America/New_York", "30 2 * * *", "2026-03-07T12:00Z", ["2026-03-08T07:00", "2026-03-09T06:30"]],
    ["America/New_York", "30 1 * * *", "2026-10-31T12:00Z", ["2026-11-01T05:30", "2026-11-02T06:30"]],
    // Half an hour.
    ["Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00Z", ["2026-10-03T15:30", "2026-10-04T15:15"]],
    ["Australia/Lord_Howe", "45 1 * * *", "2026-04-04T00:00Z", ["2026-04-04T14:45", "2026-04-05T15:15"]],
    // Every hour that passes.
    [
      "Europe/Berlin",
      "0 * * * *",
      "2026-10-24T23:30Z",
      ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"],
    ],
    ["Australia/Lord_Howe", "*/30 * * * *", "2026-04-04T14:20Z", ["2026-04-04T14:30", "2026-04-04T15:00"]],
  ] as const)("in %s, of %s", (timeZone, cron, from, expected) => {
    const times: number[] = [];
    for (let time = Date.parse(from); times.length < expected.length; times.push(time))
      time = timeAfter({ cron, timeZone }, time) as number;
    expect(iso(times)).toEqual(expected.map((time) => `${time}:00.000Z`));
  });
});

test("a leap day comes in leap years alone, and a day that never comes has no time", () => {
  const when = { cron: "0 12 29 2 *", timeZone: "UTC" };
  const first = timeAfter(when, Date.UTC(2026, 0, 1)) as number;
  expect(iso([first, timeAfter(when, first) as number])).toEqual([
    "2028-02-29T12:00:00.000Z",
    "2032-02-29T12:00:00.000Z",
  ]);
  expect(timeAfter({ cron: "0 12 30 2 *", timeZone: "UTC" }, 0)).toBeUndefined();
});

test("an interval goes on from its start, and a date comes once", () => {
  const every = { everyMs: DAY, startAt: HOUR };
  expect(timeAfter(every, -5 * DAY)).toBe(HOUR);
  expect(timeAfter(every, HOUR)).toBe(DAY + HOUR);
  expect(timeAfter(every, DAY + HOUR - 1)).toBe(DAY + HOUR);
  expect(timesUpTo(every, 2 * DAY, 5)).toEqual([DAY + HOUR, HOUR]);
  expect(timesUpTo(every, 0, 5)).toEqual([]);
  expect([timeAfter({ at: 5 }, 4), timeAfter({ at: 5 }, 5)]).toEqual([5, undefined]);
});
