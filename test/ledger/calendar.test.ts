import { expect, test } from "vitest";
import { calendarPeriodAt, calendarPeriodBefore, calendarPeriodOf } from "../../src/ledger/calendar.js";
import { soak } from "../soak.js";

const ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Asia/Kolkata",
  "Pacific/Apia",
  "America/Sao_Paulo",
  "Australia/Lord_Howe",
  "Pacific/Kiritimati",
];

test.each([
  // Summer time begins at midnight: the day begins at one o'clock.
  ["America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"],
  // Half an hour.
  [
    "Australia/Lord_Howe",
    "2026-04-05T01:00:00Z",
    "2026-04-05",
    "2026-04-04T13:00:00Z",
    "2026-04-05T13:30:00Z",
  ],
  // The 30th of December 2011 did not exist.
  ["Pacific/Apia", "2011-12-31T00:00:00Z", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"],
  ["Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"],
  ["UTC", "2024-02-29T23:59:59.999Z", "2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"],
  ["UTC", "0001-01-01T00:00:00Z", "0001-01-01", "0001-01-01T00:00:00Z", "0001-01-02T00:00:00Z"],
])("a day in %s at %s", (zone, at, label, since, until) => {
  const period = calendarPeriodAt(Date.parse(at), "day", zone);
  expect(period).toEqual({ label, since: Date.parse(since), until: Date.parse(until) });
});

test("periods contain their times, follow one another without a gap, and are found by their labels", () => {
  let at = Date.UTC(2005, 0, 1);
  for (let n = 0; n < soak(300); n++) {
    at += 10 * 3_600_000 + ((n * 7_919) % 86_400_000);
    const zone = ZONES[n % ZONES.length] as string;
    for (const every of ["day", "week", "month"] as const) {
      const period = calendarPeriodAt(at, every, zone);
      expect(period.since).toBeLessThanOrEqual(at);
      expect(period.until).toBeGreaterThan(at);
      expect(calendarPeriodOf(period.label, every, zone)).toEqual(period);
      expect(calendarPeriodBefore(period, every, zone).until).toBe(period.since);
      expect(calendarPeriodAt(period.until, every, zone).since).toBe(period.until);
    }
  }
});
