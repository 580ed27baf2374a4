import { Cron } from "croner";

const MAX_KNOWN = 1000;
const known = new Map<string, CronTimes>();

/** The times of an expression. */
export interface CronTimes {
  /** The first after a time; `null` if there is none. */
  nextRun(after: Date): Date | null;
  /** The last before a time, the latest first. */
  previousRuns(count: number, before: Date): Date[];
}

/**
 * A cron expression of five fields in a time zone. Throws where it is none.
 *
 * A time that a change of the clock skips comes at the first moment after the change, and one that comes twice counts the
 * first time, where the minutes and hours are named; where one of them is `*` or has a step, every hour that passes counts.
 * That is what Vixie cron does (cron(8), "Daylight Saving Time and other time changes").
 */
export function cronOf(expression: string, timeZone: string): CronTimes {
  const key = `${timeZone} ${expression}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  // Without a function to call it starts no timer.
  const cron = new Cron(expression, {
    timezone: timeZone,
    paused: true,
    mode: "5-part",
    fixedTimeRule: "no-wildcard",
  });
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(key, cron);
  return cron;
}
