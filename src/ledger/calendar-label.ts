import { type CalendarPeriod, calendarPeriodAt } from "./calendar.js";

/** What a time can be grouped by. */
export type CalendarUnit = "hour" | CalendarPeriod;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** All offsets of time zones are multiples of it since 1972, when Liberia changed its own. */
const QUARTER_MS = 15 * MINUTE_MS;
const FIRST_CACHED_MS = Date.UTC(1972, 0, 8);
const MAX_CACHED = 4000;

const labels = new Map<string, string>();
const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * The hour, day, week or month of a time: an hour as `2026-03-29T14:00+02:00`, all others by their first day, `2026-03-29`.
 * Labels of days sort by time; those of hours do within one offset.
 */
export function calendarLabel(time: number, unit: CalendarUnit, timeZone: string): string {
  if (time < FIRST_CACHED_MS) return newLabel(time, unit, timeZone);
  const key = `${Math.floor(time / QUARTER_MS)} ${unit} ${timeZone}`;
  const known = labels.get(key);
  if (known !== undefined) return known;
  const label = newLabel(time, unit, timeZone);
  if (labels.size >= MAX_CACHED) labels.clear();
  labels.set(key, label);
  return label;
}

function newLabel(time: number, unit: CalendarUnit, timeZone: string): string {
  return unit === "hour" ? hourLabel(time, timeZone) : calendarPeriodAt(time, unit, timeZone).label;
}

/** The offset tells the two hours apart that follow on each other where summer time ends. */
function hourLabel(time: number, timeZone: string): string {
  const local = time + offsetAt(time, timeZone);
  const hour = new Date(Math.floor(local / HOUR_MS) * HOUR_MS).toISOString().slice(0, 16);
  const minutes = Math.round((local - time) / MINUTE_MS);
  if (timeZone === "UTC") return `${hour}Z`;
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${hour}${minutes < 0 ? "-" : "+"}${twoDigits(hours)}:${twoDigits(rest)}`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}

/** How far the clocks of the zone are before UTC, in milliseconds. */
function offsetAt(time: number, timeZone: string): number {
  if (timeZone === "UTC") return 0;
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(time)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(time / 1000) * 1000;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const numeric = { year: "numeric", month: "numeric", day: "numeric" } as const;
  const clock = { hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23" } as const;
  const format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", { timeZone, ...numeric, ...clock });
  formats.set(timeZone, format);
  return format;
}
