import type { SessionIdentity } from "../../src/index.js";
import type { Schedules } from "../../src/schedules/index.js";
import { inMemory, onEveryStore } from "../typed/stores.js";
import { testBadInput } from "../wrappers/bad-input.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { hourly, SCHEDULES, WORKER } from "./schedules.js";

const cycle: unknown[] = [];
cycle.push(cycle);

const BAD_SCHEDULES: readonly (readonly [field: string, schedule: unknown])[] = [
  ["schedule", undefined],
  ["schedule", { ...hourly("a"), more: 1 }],
  ["name", { ...hourly("a"), name: 1 }],
  ["when", { name: "a", action: 1 }],
  ["when", hourly("a", { when: { cron: "* * * * *", everyMs: 1000 } as never })],
  ["when", hourly("a", { when: { at: new Date(), cron: "* * * * *" } as never })],
  ["cron", hourly("a", { when: {} as never })],
  ["cron", hourly("a", { when: { cron: "" } })],
  ["cron", hourly("a", { when: { cron: "60 * * * *" } })],
  ["cron", hourly("a", { when: { cron: "* * * * * *" } })],
  ["cron", hourly("a", { when: { cron: "2026-01-01T00:00:00" } })],
  ["cron", hourly("a", { when: { cron: "@reboot" } })],
  ["cron", hourly("a", { when: { cron: "0 0 30 2 *" } })],
  ["cron", hourly("a", { when: { cron: `${"0,".repeat(200)}0 * * * *` } })],
  ["timeZone", hourly("a", { when: { cron: "* * * * *", timeZone: "Mars/Olympus" } })],
  ["at", hourly("a", { when: { at: "2026-01-01" as never } })],
  ["at", hourly("a", { when: { at: new Date(Number.NaN) } })],
  ["everyMs", hourly("a", { when: { everyMs: 999 } })],
  ["everyMs", hourly("a", { when: { everyMs: 1500.5 } })],
  ["startAt", hourly("a", { when: { everyMs: 1000, startAt: undefined as never } })],
  ["action", hourly("a", { action: undefined as never })],
  ["action", hourly("a", { action: cycle })],
  ["action", hourly("a", { action: "x".repeat(70_000) })],
  ["enabled", hourly("a", { enabled: 1 as never })],
  ["source", hourly("a", { source: "" })],
  ["missed", hourly("a", { missed: "some" as never })],
  ["maxMissed", hourly("a", { maxMissed: 251 })],
  ["graceMs", hourly("a", { graceMs: -1 })],
  ["onCrash", hourly("a", { onCrash: undefined as never })],
  ["maxAttempts", hourly("a", { maxAttempts: 0 })],
  ["keep", hourly("a", { keep: 1001 })],
];

const lease = (tenant: string) => ({
  tenant,
  id: "a.1",
  worker: "w",
  fence: 1,
  leaseId: "l",
  until: new Date(0),
});
const bad = (input: unknown) => input as never;
type Call = (schedules: Schedules, who: SessionIdentity) => Promise<unknown> | unknown;

const BAD_CALLS: readonly (readonly [field: string, what: string, call: Call])[] = [
  ...BAD_SCHEDULES.map(
    ([field, schedule], n) =>
      [
        field,
        `put ${n}`,
        (schedules: Schedules, who: SessionIdentity) => schedules.put(who, bad(schedule)),
      ] as const,
  ),
  ["worker", "claimDue", (s, who) => s.claimDue(who, bad({ leaseMs: 1 }))],
  ["leaseMs", "claimDue of no time", (s, who) => s.claimDue(who, { ...WORKER, leaseMs: 0 })],
  ["input", "claimDue of a name", (s, who) => s.claimDue(who, bad({ ...WORKER, name: "a" }))],
  ["waitMs", "claimDue", (s, who) => s.claimDue(who, WORKER, { waitMs: 0 })],
  ["lease", "renew", (s) => s.renew(bad(undefined), { leaseMs: 1 })],
  ["fence", "renew", (s, { tenant }) => s.renew({ ...lease(tenant), fence: 0 }, { leaseMs: 1 })],
  ["leaseMs", "renew", (s, { tenant }) => s.renew(lease(tenant), bad({}))],
  ["leaseMs", "renewWhile", (s, { tenant }) => s.renewWhile(lease(tenant), { leaseMs: 0 }, () => 1)],
  ["work", "renewWhile", (s, { tenant }) => s.renewWhile(lease(tenant), { leaseMs: 1 }, bad(1))],
  ["status", "finish", (s, { tenant }) => s.finish(lease(tenant), bad({}))],
  ["error", "finish that failed", (s, { tenant }) => s.finish(lease(tenant), { status: "failed" })],
  ["error", "finish", (s, { tenant }) => s.finish(lease(tenant), { status: "completed", error: "e" })],
  ["run", "finish", (s, { tenant }) => s.finish(lease(tenant), { status: "completed", run: "" })],
  [
    "lease",
    "finish",
    (s, { tenant }) => s.finish(bad({ ...lease(tenant), more: 1 }), { status: "completed" }),
  ],
  ["status", "list", (s, who) => s.list(who, { status: bad("paused") })],
  ["source", "list", (s, who) => s.list(who, { source: "" })],
  ["at", "due", (s, who) => s.due(who, { at: bad(1) })],
  ["limit", "due", (s, who) => s.due(who, { limit: 1001 })],
  ["status", "history", (s, who) => s.history(who, "a", { status: bad("pending") })],
  ["after", "history", (s, who) => s.history(who, "a", { after: "1" })],
  ["unit", "in", (s) => s.in(bad({}))],
];

onEveryStore((opened) => {
  testDamagedRecords(opened, SCHEDULES);
  testLostAnswers(opened, SCHEDULES);
});

inMemory((opened) => {
  testOtherIdentities(opened, SCHEDULES);
  testHostileNames(opened, SCHEDULES);
  testBadInput(opened, SCHEDULES, BAD_CALLS);
});
