import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import { readTimeZone } from "../ledger/calendar.js";
import { readTime } from "../validation/fields.js";
import { readDate, readInteger, readNamed, readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import { cronOf } from "./cron.js";
import type { When } from "./schedule.js";

/** When the occurrences of a schedule are, as it is stored. Times in milliseconds since 1970. */
export type StoredWhen =
  | { readonly cron: string; readonly timeZone: string }
  | { readonly at: number }
  | { readonly everyMs: number; readonly startAt: number };

/** What a caller gave: an interval without a start begins when it is put. */
export type GivenWhen =
  | { readonly cron: string; readonly timeZone: string }
  | { readonly at: number }
  | { readonly everyMs: number; readonly startAt?: number };

const MAX_CRON_BYTES = 256;
const MIN_INTERVAL_MS = 1000;
const MAX_INTERVAL_MS = 10 * 365 * 86_400_000;

/** Reads when a caller wants occurrences to be. INVALID_RECORD. */
export function readWhen(value: unknown): GivenWhen {
  const given = readObject(value, "when") as Partial<Record<"at" | "cron" | "everyMs" | "startAt", unknown>>;
  if ("at" in given) {
    readNamed(given, "when", ["at"]);
    return { at: readDate(given.at, "at") };
  }
  if ("everyMs" in given) {
    readNamed(given, "when", ["everyMs", "startAt"]);
    return {
      everyMs: readIntervalMs(given.everyMs),
      ...("startAt" in given && { startAt: readDate(given.startAt, "startAt") }),
    };
  }
  const { cron, timeZone = "UTC" } = readNamed(given, "when", ["cron", "timeZone"]) as {
    cron?: unknown;
    timeZone?: unknown;
  };
  return readCron(cron, readTimeZone(timeZone, "timeZone"));
}

/** Reads it from a record. */
export function readStoredWhen(value: unknown): StoredWhen {
  const given = readObject(value, "when") as Partial<Record<"at" | "everyMs" | "startAt", unknown>>;
  if ("at" in given) return { at: readTime(given.at, "at") };
  if ("everyMs" in given)
    return { everyMs: readIntervalMs(given.everyMs), startAt: readTime(given.startAt, "startAt") };
  const { cron, timeZone } = given as Partial<Record<"cron" | "timeZone", unknown>>;
  return readCron(cron, readTimeZone(timeZone, "timeZone"));
}

/** The same as before, or what is given. */
export function whenAfter(before: StoredWhen | undefined, given: GivenWhen, now: number): StoredWhen {
  if (!("everyMs" in given)) return given;
  const { everyMs, startAt } = given;
  if (startAt !== undefined) return { everyMs, startAt };
  const isSame = before !== undefined && "everyMs" in before && before.everyMs === everyMs;
  return isSame ? before : { everyMs, startAt: now };
}

/** As a caller sees it. */
export function whenOf(when: StoredWhen): When {
  if ("at" in when) return { at: new Date(when.at) };
  if ("everyMs" in when) return { everyMs: when.everyMs, startAt: new Date(when.startAt) };
  return when;
}

/** The first time after a time; `undefined` if there is none. */
export function timeAfter(when: StoredWhen, time: number): number | undefined {
  if ("at" in when) return when.at > time ? when.at : undefined;
  if ("everyMs" in when) {
    const { everyMs, startAt } = when;
    const next = startAt + Math.max(0, Math.floor((time - startAt) / everyMs) + 1) * everyMs;
    return next > LIMITS.latest ? undefined : next;
  }
  const next = cronOf(when.cron, when.timeZone).nextRun(new Date(time))?.getTime();
  return next === undefined || next > LIMITS.latest ? undefined : next;
}

/** The latest times up to a time and including it, the last first. */
export function timesUpTo(when: StoredWhen, time: number, count: number): readonly number[] {
  if ("at" in when) return when.at <= time ? [when.at] : [];
  if ("everyMs" in when) {
    const { everyMs, startAt } = when;
    const last = Math.floor((time - startAt) / everyMs);
    const length = Math.max(0, Math.min(count, last + 1));
    return Array.from({ length }, (_, n) => startAt + (last - n) * everyMs);
  }
  // It gives those before the time.
  const before = new Date(time + 1);
  return cronOf(when.cron, when.timeZone)
    .previousRuns(count, before)
    .map((date) => date.getTime());
}

function readCron(value: unknown, timeZone: string): { readonly cron: string; readonly timeZone: string } {
  const cron = readText(value, "cron", MAX_CRON_BYTES).trim();
  const rule = "a cron expression of five fields that comes true, such as 0 9 * * MON-FRI";
  try {
    cronOf(cron, timeZone);
  } catch {
    throw invalid("cron", rule);
  }
  return { cron, timeZone };
}

function readIntervalMs(value: unknown): number {
  return readInteger(value, "everyMs", MIN_INTERVAL_MS, MAX_INTERVAL_MS);
}
