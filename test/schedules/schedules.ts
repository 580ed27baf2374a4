import { type SessionIdentity, tenantIdentity } from "../../src/index.js";
import { createSchedules, type NewSchedule, type Schedules } from "../../src/schedules/index.js";
import { digestOf, itemKind } from "../../src/typed/names.js";
import type { WrapperTable } from "../wrappers/wrapper.js";

export const NOON = Date.UTC(2026, 0, 2, 12);
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;
export const WORKER = { worker: "w", leaseMs: MINUTE };

/** A clock that a test sets. */
export function setClock(at = NOON) {
  let now = at;
  return {
    clock: () => now,
    pass(ms: number) {
      now += ms;
    },
    set(time: number) {
      now = time;
    },
  };
}

export function hourly(name: string, more: Partial<NewSchedule> = {}): NewSchedule {
  return { name, when: { cron: "0 * * * *" }, action: { do: name }, ...more };
}

/** Schedules, for the tests that all wrappers share. Their name is their id. */
export const SCHEDULES: WrapperTable<Schedules> = {
  of: "tenant",
  idField: "name",
  open: (store, options) => createSchedules(store, options),
  make: (schedules, who, name) => schedules.put(who, hourly(name)),
  find: async (schedules, who, name) => {
    const found = await schedules.find(who, name);
    return found && { ...found, id: found.name };
  },
  listed: async (schedules, where) =>
    (await schedules.list(where, { limit: 1_000 })).schedules.map(({ name }) => name),
  sweep: async () => {},
  methods: {
    get: (schedules, who, name) => schedules.get(who, name),
    enable: (schedules, who, name) => schedules.enable(who, name),
    disable: (schedules, who, name) => schedules.disable(who, name),
  },
  absent: {
    history: [(schedules, who, name) => schedules.history(who, name), { occurrences: [] }],
    delete: [(schedules, who, name) => schedules.delete(who, name), false],
  },
  walk: {
    put: (schedules, who, name) => schedules.put(who, hourly(name)),
    "put of other times": (schedules, who, name) =>
      schedules.put(who, hourly(name, { when: { everyMs: DAY }, source: "test" })),
    disable: (schedules, who, name) => schedules.disable(who, name),
    enable: (schedules, who, name) => schedules.enable(who, name),
    "put of a date": (schedules, who, name) =>
      schedules.put(who, hourly(name, { when: { at: new Date(NOON + 50 * 365 * DAY) } })),
  },
  kindOf: (name) => itemKind("schedule", digestOf(name)),
  storedUnder: ({ tenant }) => tenantIdentity(tenant),
  damages: (stored) => [
    { ...stored, status: "paused" },
    { ...stored, status: "disabled" },
    { ...stored, nextAt: undefined },
    { ...stored, lastAt: 1 },
    { ...stored, when: { cron: "0 25 * * *", timeZone: "UTC" } },
    { ...stored, when: { cron: "0 1 * * *", timeZone: "Mars/Olympus" } },
    { ...stored, when: { everyMs: 1 } },
    { ...stored, action: undefined },
    { ...stored, missed: "some" },
    { ...stored, keep: 0 },
    { ...stored, number: -1 },
    { ...stored, incarnation: "" },
  ],
};

/** Claims all that is due, and says of which schedules and times it was, in order. */
export async function claimAll(
  schedules: Schedules,
  who: Pick<SessionIdentity, "tenant">,
): Promise<readonly string[]> {
  const claimed: string[] = [];
  for (;;) {
    const next = await schedules.claimDue({ tenant: who.tenant }, WORKER);
    if (next === undefined) return claimed.sort();
    const { at, schedule } = next.occurrence;
    claimed.push(`${schedule} ${at.toISOString().slice(0, 16)}`);
    await schedules.finish(next.lease, { status: "completed" });
  }
}
