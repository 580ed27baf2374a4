import type { MissedTimes, NewSchedule, Occurrence } from "../../src/schedules/index.js";
import { timeAfter } from "../../src/schedules/when.js";
import type { Account } from "./months.js";

const DAY = 86_400_000;
const ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];
const CRONS = ["30 2 * * 0", "15 2 * * 0,3", "0 12 29 2 *", "*/30 1-2 * * 0", "0 9 1,15 * *"];
const MISSED: readonly MissedTimes[] = ["once", "all", "skip"];

/** Schedules of all sorts: in three time zones, on leap days, at intervals and dates, with each policy. */
export function planOf(count: number, start: number): NewSchedule[] {
  return Array.from({ length: count }, (_, n) => ({
    name: `s${n}`,
    when: whenOf(n, start),
    action: n,
    missed: MISSED[Math.floor(n / 2) % 3] as MissedTimes,
    maxMissed: 2,
    onCrash: n % 2 === 0 ? "retry" : "fail",
    keep: 1000,
  }));
}

function whenOf(n: number, start: number): NewSchedule["when"] {
  if (n % 7 === 5) return { everyMs: 3 * DAY + 1000 * n, startAt: new Date(start + 1000 * n) };
  if (n % 7 === 6) return { at: new Date(start + n * 40_000_000) };
  return {
    cron: CRONS[n % CRONS.length] as string,
    timeZone: ZONES[n % ZONES.length] as string,
  };
}

/** The times of a schedule after one time, up to another. */
export function timesOf({ when }: NewSchedule, after: number, to: number): number[] {
  if ("at" in when) return [when.at.getTime()].filter((time) => time <= to);
  const stored =
    "cron" in when
      ? { cron: when.cron, timeZone: when.timeZone ?? "UTC" }
      : { everyMs: when.everyMs, startAt: when.startAt?.getTime() ?? after };
  const times: number[] = [];
  for (let time = timeAfter(stored, after); time !== undefined && time <= to; time = timeAfter(stored, time))
    times.push(time);
  return times;
}

/** The times that get an occurrence, where somebody works at these stops alone. */
export function expectedTimes(
  schedule: NewSchedule,
  times: readonly number[],
  { start, stops }: Pick<Account, "start" | "stops">,
): number[] {
  const { missed = "once", maxMissed = 100, graceMs = 60_000 } = schedule;
  let before = start;
  return stops.flatMap((now) => {
    const due = times.filter((time) => time > before && time <= now);
    before = now;
    const late = due.filter((time) => time < now - graceMs);
    const made = { skip: 0, once: 1, all: maxMissed }[missed];
    return [...late.slice(Math.max(0, late.length - made)), ...due.slice(late.length)];
  });
}

/** What must not be in an account. Empty if all is well. */
export function judge(account: Account, timesBy = timesOf): string[] {
  const { plan, start, stops, occurrences, lines } = account;
  const end = stops.at(-1) as number;
  const wrong: string[] = [];
  for (const schedule of plan) {
    const made = occurrences.filter((one) => one.schedule === schedule.name);
    const found = made.map(({ at }) => at.getTime()).sort((a, b) => a - b);
    const expected = expectedTimes(schedule, timesBy(schedule, start, end), account);
    if (JSON.stringify(found) !== JSON.stringify(expected))
      wrong.push(`${schedule.name}: at ${iso(found)} and not at ${iso(expected)}`);
    wrong.push(...made.flatMap((one) => judgeOne(one, schedule, lines)));
  }
  return wrong;
}

function judgeOne(one: Occurrence, { onCrash }: NewSchedule, lines: readonly string[]): string[] {
  const id = `${one.schedule} ${one.number}`;
  const of = (word: string) => lines.filter((line) => line.startsWith(`${word} ${id} `));
  const ran = of("ran");
  const ended = of("told").filter((line) => line.endsWith(" ok"));
  const wrong: string[] = [];
  if (new Set(ran).size < ran.length) wrong.push(`${id}: two ran it by the same lease`);
  if (ran.length > one.attempts) wrong.push(`${id}: ran ${ran.length} times by ${one.attempts} leases`);
  if (ended.length > 1) wrong.push(`${id}: ended ${ended.length} times`);
  if (one.status === "completed" && ran.length === 0) wrong.push(`${id}: completed by nobody`);
  if (one.status !== "completed" && (onCrash !== "fail" || one.outcome?.crashed !== true))
    wrong.push(`${id}: it is ${one.status}`);
  if (onCrash === "fail" && one.attempts > 1) wrong.push(`${id}: claimed ${one.attempts} times`);
  if (one.status === "failed" && ended.length > 0) wrong.push(`${id}: failed, and its worker was told ok`);
  return wrong;
}

const iso = (times: readonly number[]) => times.map((time) => new Date(time).toISOString()).join();
