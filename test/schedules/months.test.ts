import { expect, test } from "vitest";
import { openStore } from "../../src/index.js";
import { createSchedules, type NewSchedule } from "../../src/schedules/index.js";
import { withDice } from "../random.js";
import { isSoak } from "../soak.js";
import { newSession, onSharedStores } from "../typed/stores.js";
import { type Account, workThrough } from "./months.js";
import { textOf, walkedTimes } from "./oracle.js";
import { judge, planOf, timesOf } from "./plan.js";

const START = Date.UTC(2028, 1, 15, 0, 30);
/** The clocks of all three time zones are set in it, and there is a leap day. */
const END = Date.UTC(2028, 4, 15);
const SAMPLE = { workers: 2, deaths: 1, schedules: 7, outages: 0.5 };
const WHOLE = { workers: 8, deaths: 40, schedules: 200, outages: 0.08 };

onSharedStores((opened) => {
  test("over months, each time of a schedule is worked on once, or as its policy says, though workers are killed", {
    timeout: 1_200_000,
  }, async ({ annotate }) => {
    await withDice(async (dice) => {
      const { schedules, ...crew } = isSoak ? WHOLE : SAMPLE;
      const plan = planOf(schedules, START);
      const task = { ...crew, plan, start: START, end: END };
      const account = await workThrough(opened, newSession(), task, dice);
      await annotate(JSON.stringify(tally(account)));
      expect(judge(account, isSoak ? walked() : timesOf)).toEqual([]);
      expect(account.deaths).toBe(crew.deaths);
      // With other times it would not be well: the judge sees the difference.
      expect(judge(account, inUtc)).not.toEqual([]);
    });
  });
});

test("two workers that do what is due without a claim do it twice, and are found (control)", async () => {
  await using store = await openStore("memory:");
  const plan = planOf(5, START);
  const who = newSession();
  let now = START;
  const schedules = createSchedules(store, { clock: () => now });
  for (const schedule of plan) await schedules.put(who, schedule);
  const lines: string[] = [];
  const work = async () => {
    const due = await schedules.due(who);
    for (const { name, occurrences } of due) lines.push(`ran ${name} ${occurrences + 1} 1`);
    for (;;) {
      const claimed = await schedules.claimDue(who, { worker: "w", leaseMs: 60_000 });
      if (claimed === undefined) break;
      await schedules.finish(claimed.lease, { status: "completed" });
    }
  };
  const stops: number[] = [];
  for (; now < START + 20 * 86_400_000; now += 86_400_000) {
    await Promise.all([work(), work()]);
    stops.push(now);
  }
  const { occurrences } = await schedules.occurrences(who, { limit: 1000 });
  const wrong = judge({ plan, start: START, stops, occurrences, lines, deaths: 0 });
  expect(wrong.filter((one) => one.includes("by the same lease"))).not.toEqual([]);
  // Its claims are right.
  expect(wrong.filter((one) => one.includes("not at"))).toEqual([]);
});

function inUtc(schedule: NewSchedule, after: number, to: number): number[] {
  const { when } = schedule;
  return timesOf("cron" in when ? { ...schedule, when: { cron: when.cron } } : schedule, after, to);
}

/** The times that the clock on the wall shows, each of an expression found once. */
function walked(): typeof timesOf {
  const known = new Map<string, number[]>();
  return (schedule, after, to) => {
    const { when } = schedule;
    if (!("cron" in when)) return timesOf(schedule, after, to);
    const { cron, timeZone = "UTC" } = when;
    const key = `${cron} ${timeZone}`;
    const [minute = "", hour = "", day = "", month = "", weekday = ""] = cron.split(" ");
    const fields = { minute, hour, day, month, weekday };
    expect(textOf(fields)).toBe(cron);
    const times = known.get(key) ?? walkedTimes(fields, timeZone, after + 1, to);
    known.set(key, times);
    return times;
  };
}

function tally({ occurrences, lines, deaths, stops }: Account) {
  return {
    occurrences: occurrences.length,
    stops: stops.length,
    deaths,
    again: occurrences.filter(({ attempts }) => attempts > 1).length,
    crashed: occurrences.filter(({ outcome }) => outcome?.crashed).length,
    ran: lines.filter((line) => line.startsWith("ran")).length,
  };
}
