import { invalid } from "../contract/errors.js";
import { readText } from "../validation/validate-text.js";

/** The calendar periods of a budget. A week begins on Monday. */
export const CALENDAR_PERIODS = ["day", "week", "month"] as const;

/** A calendar period: a day, a week that begins on Monday, or a month. */
export type CalendarPeriod = (typeof CALENDAR_PERIODS)[number];

/** A period of a calendar in a time zone. */
export interface PeriodOfCalendar {
  /** Its first day, `2026-03-01`. Labels sort by time, and stay the same when the rules of a time zone change. */
  readonly label: string;
  /** The first moment, in milliseconds since 1970. */
  readonly since: number;
  /** The first moment after it. */
  readonly until: number;
}

/** A day as a number: days since 1970-01-01. */
type Day = number;

const DAY_MS = 86_400_000;
/** Model calls are younger, and `Intl` dates older times by the Julian calendar. */
const FIRST_LOCAL_MS = Date.UTC(1900, 0, 1);
/** No zone is further from UTC, and no day longer. */
const FARTHEST_MS = 26 * 3_600_000;
const MAX_CACHED = 2000;
const MAX_ZONE_BYTES = 64;

const formats = new Map<string, Intl.DateTimeFormat>();
const starts = new Map<string, number>();

/** Reads the IANA name of a time zone, such as `Europe/Berlin`. INVALID_RECORD for one that this process does not know. */
export function readTimeZone(value: unknown, field: string): string {
  const name = readText(value, field, MAX_ZONE_BYTES);
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    throw invalid(field, "an IANA time zone, such as Europe/Berlin");
  }
}

/** The calendar period that a time is in. */
export function calendarPeriodAt(time: number, every: CalendarPeriod, timeZone: string): PeriodOfCalendar {
  return periodFrom(firstDay(dayAt(time, timeZone), every), every, timeZone);
}

/** The period before. */
export function calendarPeriodBefore(
  { label }: PeriodOfCalendar,
  every: CalendarPeriod,
  timeZone: string,
): PeriodOfCalendar {
  return periodFrom(firstDay(dayOfLabel(label) - 1, every), every, timeZone);
}

/** The period with a label. */
export function calendarPeriodOf(label: string, every: CalendarPeriod, timeZone: string): PeriodOfCalendar {
  return periodFrom(firstDay(dayOfLabel(label), every), every, timeZone);
}

function periodFrom(first: Day, every: CalendarPeriod, timeZone: string): PeriodOfCalendar {
  return {
    label: new Date(first * DAY_MS).toISOString().slice(0, 10),
    since: startOf(first, timeZone),
    until: startOf(nextFirst(first, every), timeZone),
  };
}

function firstDay(day: Day, every: CalendarPeriod): Day {
  if (every === "day") return day;
  // Day 0 was a Thursday.
  if (every === "week") return day - ((((day + 3) % 7) + 7) % 7);
  return day - new Date(day * DAY_MS).getUTCDate() + 1;
}

function nextFirst(first: Day, every: CalendarPeriod): Day {
  if (every === "day") return first + 1;
  if (every === "week") return first + 7;
  // The first day of a month and 31 days lie in the next month, within its first days.
  return firstDay(first + 31, "month");
}

function dayOfLabel(label: string): Day {
  const time = /^\d{4}-\d\d-\d\d$/.test(label) ? Date.parse(`${label}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(time)) throw invalid("period", "a day, such as 2026-03-01");
  return time / DAY_MS;
}

/** The local day of a moment. */
function dayAt(time: number, timeZone: string): Day {
  if (timeZone === "UTC" || time < FIRST_LOCAL_MS) return Math.floor(time / DAY_MS);
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(time)) parts[type] = Number(value);
  const { year = 0, month = 0, day = 0 } = parts;
  return Date.UTC(year, month - 1, day) / DAY_MS;
}

/**
 * The first moment of a local day. It is searched for, because a day may begin at one o'clock where summer time begins at
 * midnight.
 */
function startOf(day: Day, timeZone: string): number {
  const midnight = day * DAY_MS;
  if (timeZone === "UTC" || midnight - FARTHEST_MS < FIRST_LOCAL_MS) return midnight;
  const key = `${day} ${timeZone}`;
  const known = starts.get(key);
  if (known !== undefined) return known;
  let [before, from] = [midnight - FARTHEST_MS, midnight + FARTHEST_MS];
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2);
    if (dayAt(middle, timeZone) < day) before = middle;
    else from = middle;
  }
  if (starts.size >= MAX_CACHED) starts.clear();
  starts.set(key, from);
  return from;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const numeric = { year: "numeric", month: "numeric", day: "numeric" } as const;
  const format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", { timeZone, ...numeric });
  formats.set(timeZone, format);
  return format;
}
