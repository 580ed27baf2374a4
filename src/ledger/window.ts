import { invalid } from "../contract/errors.js";
import { readFlag } from "../validation/fields.js";
import { readInteger, readObject, readOneOf } from "../validation/validate.js";
import {
  CALENDAR_PERIODS,
  type CalendarPeriod,
  calendarPeriodAt,
  calendarPeriodBefore,
  calendarPeriodOf,
  type PeriodOfCalendar,
  readTimeZone,
} from "./calendar.js";

/** When a budget counts anew. */
export interface WindowInput {
  /** It counts each day, each week from Monday on, or each month by itself. */
  readonly every?: CalendarPeriod;
  /** The IANA time zone of these days, such as `"Europe/Berlin"`. Default UTC. */
  readonly timeZone?: string;
  /** What a period leaves unused is added to the limits of the next one, once. Default false. */
  readonly carryOver?: boolean;
  /**
   * It counts the calls of the last so many milliseconds, a minute to 366 days. What was spent leaves the window at most a
   * thirtieth of it late.
   */
  readonly rollingMs?: number;
}

export interface CalendarWindow {
  readonly every: CalendarPeriod;
  readonly timeZone: string;
  readonly carryOver: boolean;
}

export interface RollingWindow {
  readonly rollingMs: number;
}

export type Window = CalendarWindow | RollingWindow;

export const WINDOW_FIELDS = ["every", "timeZone", "carryOver", "rollingMs"] as const;

/** Where a call is counted: in a record, and in a slice of it. */
export interface CountedIn {
  readonly record: string;
  readonly slice: number;
}

const MIN_ROLLING_MS = 60_000;
const MAX_ROLLING_MS = 366 * 86_400_000;
/** A rolling window is counted in so many slices. */
const SLICES = 30;

export function readWindow(given: WindowInput): Window | undefined {
  if ("rollingMs" in given) {
    for (const other of ["every", "timeZone", "carryOver"])
      if (other in given) throw invalid(other, "left out where a budget is rolling");
    return { rollingMs: readInteger(given.rollingMs, "rollingMs", MIN_ROLLING_MS, MAX_ROLLING_MS) };
  }
  if (!("every" in given)) {
    for (const other of ["timeZone", "carryOver"])
      if (other in given) throw invalid("every", `given where there is ${other}`);
    return undefined;
  }
  return {
    every: readOneOf(given.every, "every", CALENDAR_PERIODS),
    timeZone: "timeZone" in given ? readTimeZone(given.timeZone, "timeZone") : "UTC",
    carryOver: readFlag(given, "carryOver"),
  };
}

export function isRolling(window: Window | undefined): window is RollingWindow {
  return window !== undefined && "rollingMs" in window;
}

export function isCalendar(window: Window | undefined): window is CalendarWindow {
  return window !== undefined && "every" in window;
}

/** Whether both count the same calls together. */
export function countsAlike(a: Window | undefined, b: Window | undefined): boolean {
  if (isCalendar(a) && isCalendar(b)) return a.every === b.every && a.timeZone === b.timeZone;
  if (isRolling(a) && isRolling(b)) return a.rollingMs === b.rollingMs;
  return a === undefined && b === undefined;
}

/** Where a call of a time is counted. `undefined` if it has left the window, or no window that counts has it. */
export function countedIn(
  window: Window | undefined,
  at: number,
  { now, since }: { readonly now: number; readonly since: number },
): CountedIn | undefined {
  if (window === undefined) return { record: "all", slice: 0 };
  if (isRolling(window)) {
    const size = sliceMs(window);
    // A time in the future would make a slice for each.
    const slice = Math.floor(Math.min(at, now) / size) * size;
    return isInWindow(window, slice, now) ? { record: "rolling", slice } : undefined;
  }
  const period = calendarPeriodAt(at, window.every, window.timeZone);
  // What ended before the budget was set is not known in full.
  return period.until <= since ? undefined : { record: period.label, slice: period.since };
}

/** The record that counts now. */
export function recordOf(window: Window | undefined, now: number): string {
  if (window === undefined) return "all";
  return isRolling(window) ? "rolling" : periodAt(window, now).label;
}

/** Whether a slice counts now. */
export function isInWindow(window: Window | undefined, slice: number, now: number): boolean {
  return !isRolling(window) || leavesAt(window, slice) > now;
}

/** When a slice leaves the window. */
export function leavesAt(window: RollingWindow, slice: number): number {
  return slice + sliceMs(window) + window.rollingMs;
}

/** The slices of the window that lie before now, for a first count. */
export function slicesUntil(window: Window | undefined, now: number): { since?: number; until?: number }[] {
  if (window === undefined) return [{}];
  if (isCalendar(window)) return [{ since: periodAt(window, now).since }];
  const size = sliceMs(window);
  const last = Math.floor(now / size) * size;
  const first = Array.from({ length: SLICES + 1 }, (_, index) => last - (SLICES - index) * size);
  return first
    .filter((since) => isInWindow(window, since, now))
    .map((since) => (since === last ? { since } : { since, until: since + size }));
}

export function periodAt({ every, timeZone }: CalendarWindow, time: number): PeriodOfCalendar {
  return calendarPeriodAt(time, every, timeZone);
}

export function periodBefore(
  { every, timeZone }: CalendarWindow,
  period: PeriodOfCalendar,
): PeriodOfCalendar {
  return calendarPeriodBefore(period, every, timeZone);
}

export function periodOf({ every, timeZone }: CalendarWindow, label: string): PeriodOfCalendar {
  return calendarPeriodOf(label, every, timeZone);
}

function sliceMs({ rollingMs }: RollingWindow): number {
  return Math.ceil(rollingMs / SLICES);
}

/** Reads a stored window. */
export function readStoredWindow(value: unknown): Window {
  const given = readObject(value, "window");
  const window = readWindow(given);
  if (window === undefined) throw invalid("window", "a period or a rolling window");
  return window;
}
