import { expect, test } from "vitest";
import { maintenanceScope, type StateStore, tenantIdentity } from "../../src/index.js";
import { createSchedules, type NewSchedule } from "../../src/schedules/index.js";
import { Collection, together } from "../../src/typed/index.js";
import { withMethods } from "../sessions/rig.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { inMemory, newSession, onEveryStore } from "../typed/stores.js";
import { claimAll, DAY, HOUR, hourly, MINUTE, NOON, setClock, WORKER } from "./schedules.js";

const at = (time: number) => new Date(time).toISOString().slice(0, 16);
const done = { status: "completed" } as const;

/** Its first commit takes effect, and no answer comes, however often it is sent. */
const losingAnswer = (store: StateStore) => losingAnswers(store, { requests: 0, replies: 1 });

onEveryStore((opened) => {
  const rig = () => {
    const time = setClock();
    const schedules = createSchedules(opened.store, { clock: time.clock });
    return { time, schedules, who: newSession() };
  };

  test("a claim with a token that comes again gets the same occurrence and lease, while that lasts", async () => {
    const { time, schedules, who } = rig();
    for (const name of ["a", "b", "c"]) await schedules.put(who, hourly(name));
    time.pass(HOUR);
    const call = { ...WORKER, token: "call-1" };
    const lost = createSchedules(losingAnswer(opened.store), { clock: time.clock });
    await expect(lost.claimDue(who, call)).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    const claimed = await schedules.claimDue(who, call);
    const { occurrences } = await schedules.occurrences(who);
    expect(occurrences).toEqual([claimed?.occurrence]);
    expect(await schedules.claimDue(who, call)).toEqual(claimed);
    const at = await Promise.all([schedules.claimDue(who, call), schedules.claimDue(who, call)]);
    expect(at).toEqual([claimed, claimed]);
    // Another token, another worker, none: other occurrences.
    for (const other of [{ token: "call-2" }, {}])
      expect((await schedules.claimDue(who, { ...WORKER, ...other }))?.occurrence.id).not.toBe(
        claimed?.occurrence.id,
      );
    expect(await schedules.claimDue(who, { ...call, worker: "other" })).toBeUndefined();
    if (claimed === undefined) throw new Error("nothing was claimed");
    const renewed = await schedules.renew(claimed.lease, { leaseMs: 2 * MINUTE });
    expect((await schedules.claimDue(who, call))?.lease).toEqual(renewed);
    await schedules.finish(claimed.lease, done);
    expect(await schedules.claimDue(who, call)).toBeUndefined();
    // What passed to another worker is not the first one's.
    time.pass(HOUR);
    const before = await schedules.claimDue(who, { ...WORKER, token: "call-3" });
    time.pass(HOUR);
    const others = await claimAll(schedules, who);
    expect(others.length).toBeGreaterThan(0);
    expect(await schedules.claimDue(who, { ...WORKER, token: "call-3" })).toBeUndefined();
    expect(before).toBeDefined();
  });

  test("a claim that another one overtakes at a later time goes on to what is due then", async () => {
    const { time, schedules, who } = rig();
    await schedules.put(who, hourly("a"));
    time.pass(HOUR);
    let overtaking: Promise<unknown> | undefined;
    const find: StateStore["find"] = async (identity, kind, options) => {
      if (kind.startsWith("occurrence/") && overtaking === undefined) {
        time.pass(5 * HOUR);
        overtaking = schedules.claimDue(who, WORKER);
        await overtaking;
      }
      return opened.store.find(identity, kind, options);
    };
    const slow = createSchedules(withMethods(opened.store, { find }), { clock: time.clock });
    const second = await slow.claimDue(who, WORKER);
    expect(await overtaking).toMatchObject({ occurrence: { missedSince: expect.anything() } });
    expect(second?.occurrence.id).not.toBe(((await overtaking) as typeof second)?.occurrence.id);
    const { occurrences } = await schedules.occurrences(who);
    expect(new Set(occurrences.map(({ id }) => id)).size).toBe(occurrences.length);
  });

  test("a put with an id happens once: a late repeat undoes no later put, and says what it was", async () => {
    const { schedules, who } = rig();
    const first = hourly("a", { id: "put-1" });
    const put = await schedules.put(who, first);
    expect(put.duplicate).toBe(false);
    expect(await schedules.put(who, first)).toEqual({ ...put, duplicate: true });
    const second = await schedules.put(who, hourly("a", { when: { everyMs: DAY }, id: "put-2" }));
    await schedules.disable(who, "a");
    const disabled = await schedules.get(who, "a");
    for (const again of [first, hourly("a", { when: { everyMs: DAY }, id: "put-2" })])
      expect(await schedules.put(who, again)).toEqual({ schedule: disabled, duplicate: true });
    expect(disabled.when).toEqual(second.schedule.when);
    await expect(schedules.put(who, { ...first, source: "x" })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    // The id is that of a put of this name.
    expect((await schedules.put(who, hourly("b", { id: "put-1" }))).duplicate).toBe(false);
    await together(opened.store, async (unit) => {
      expect(await schedules.in(unit).put(who, first)).toMatchObject({ duplicate: true });
      const third = hourly("c", { id: "put-1" });
      expect((await schedules.in(unit).put(who, third)).duplicate).toBe(false);
      expect((await schedules.in(unit).put(who, third)).duplicate).toBe(true);
    });
    const lost = createSchedules(losingAnswer(opened.store));
    const fourth = hourly("d", { id: "put-1" });
    await lost.put(who, fourth).catch((error) => expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN" }));
    expect((await schedules.put(who, fourth)).duplicate).toBe(true);
    for (const name of ["a", "b", "c", "d"]) await schedules.delete(who, name);
    await expect(schedules.put(who, first)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await opened.store.list(tenantIdentity(who.tenant), "schedule")).toEqual([]);
    expect((await schedules.put(who, { ...first, id: "put-9" })).duplicate).toBe(false);
  });

  test("each time of a schedule is claimed once, and its history says how it ended", async () => {
    const { time, schedules, who } = rig();
    await schedules.put(who, hourly("a", { action: { prompt: "report" }, source: "config" }));
    expect(await schedules.claimDue(who, WORKER)).toBeUndefined();
    time.pass(HOUR);
    const claimed = await schedules.claimDue(who, WORKER);
    expect(claimed?.occurrence).toEqual({
      tenant: who.tenant,
      schedule: "a",
      number: 1,
      id: claimed?.lease.id,
      at: new Date(NOON + HOUR),
      action: { prompt: "report" },
      status: "running",
      claimedAt: new Date(NOON + HOUR),
      attempts: 1,
      holder: { worker: "w", fence: 1, until: new Date(NOON + HOUR + MINUTE) },
    });
    if (claimed === undefined) throw new Error("nothing was claimed");
    expect(await schedules.claimDue(who, WORKER)).toBeUndefined();
    time.pass(1000);
    const ended = await schedules.finish(claimed.lease, { status: "failed", error: "no paper", run: "r1" });
    expect(ended).toMatchObject({
      status: "failed",
      outcome: { at: new Date(NOON + HOUR + 1000), error: "no paper", run: "r1" },
    });
    // The answer was lost, and the call comes again.
    expect(await schedules.finish(claimed.lease, { status: "failed", error: "no paper", run: "r1" })).toEqual(
      ended,
    );
    await expect(schedules.finish(claimed.lease, done)).rejects.toMatchObject({ code: "FENCED" });
    time.pass(HOUR);
    await claimAll(schedules, who);
    const { occurrences } = await schedules.history(who, "a");
    expect(occurrences.map(({ number, status }) => [number, status])).toEqual([
      [2, "completed"],
      [1, "failed"],
    ]);
    for (const page of [
      schedules.history(who, "a", { status: "failed" }),
      schedules.occurrences(who, { status: "failed" }),
    ])
      expect(await page).toEqual({ occurrences: [ended] });
    expect(await schedules.get(who, "a")).toMatchObject({
      status: "enabled",
      nextAt: new Date(NOON + 3 * HOUR),
      lastAt: new Date(NOON + 2 * HOUR),
      occurrences: 2,
    });
  });

  test("a put says what is new, changes what is there, and leaves alone what says the same", async () => {
    const { time, schedules, who } = rig();
    const put = (more: Partial<NewSchedule>) => schedules.put(who, hourly("a", more));
    expect(await put({})).toMatchObject({
      duplicate: false,
      schedule: { status: "enabled", missed: "once" },
    });
    time.pass(MINUTE);
    const before = await schedules.get(who, "a");
    expect(await put({})).toEqual({ duplicate: true, schedule: before });
    const changed = await put({ action: 2, source: "ui" });
    expect(changed).toMatchObject({ duplicate: false, schedule: { action: 2, nextAt: before.nextAt } });
    // An interval without a start keeps the one it began with.
    const every = await put({ when: { everyMs: DAY } });
    expect(every.schedule.when).toEqual({ everyMs: DAY, startAt: new Date(NOON + MINUTE) });
    expect(every.schedule).not.toHaveProperty("source");
    time.pass(MINUTE);
    expect(await put({ when: { everyMs: DAY } })).toMatchObject({ duplicate: true });
    // What an operator disabled stays disabled when a program puts it again at its start.
    await schedules.disable(who, "a");
    expect((await put({ when: { everyMs: DAY }, action: 3 })).schedule).toMatchObject({ status: "disabled" });
    expect((await put({ when: { everyMs: DAY }, action: 3, enabled: true })).schedule).toMatchObject({
      status: "enabled",
      nextAt: new Date(NOON + MINUTE + DAY),
    });
  });

  test("schedules are listed by status and source, and those that are due by their times", async () => {
    const { time, schedules, who } = rig();
    await schedules.put(who, hourly("a", { source: "config" }));
    time.pass(1);
    await schedules.put(who, hourly("b", { when: { cron: "30 * * * *" }, source: "ui" }));
    time.pass(1);
    await schedules.put(who, hourly("c", { enabled: false, source: "ui" }));
    const named = async (options: object) =>
      (await schedules.list(who, options)).schedules.map(({ name }) => name);
    expect(await named({})).toEqual(["c", "b", "a"]);
    expect(await named({ status: "enabled" })).toEqual(["b", "a"]);
    expect(await named({ source: "ui" })).toEqual(["c", "b"]);
    const first = await schedules.list(who, { limit: 2 });
    expect(await named({ after: first.next })).toEqual(["a"]);
    const due = async (options?: object) => (await schedules.due(who, options)).map(({ name }) => name);
    expect(await due()).toEqual([]);
    expect(await due({ at: new Date(NOON + HOUR) })).toEqual(["b", "a"]);
    expect(await due({ at: new Date(NOON + HOUR), limit: 1 })).toEqual(["b"]);
    time.pass(HOUR);
    expect(await due()).toEqual(["b", "a"]);
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    const tenants = async () => {
      const all: string[] = [];
      for await (const tenant of schedules.dueTenants(scope)) all.push(tenant);
      return all;
    };
    expect(await tenants()).toEqual([who.tenant]);
    await claimAll(schedules, who);
    expect(await tenants()).toEqual([]);
  });

  test.each([
    ["skip", ["a 2027-01-02T12:00"]],
    ["once", ["a 2027-01-02T11:58", "a 2027-01-02T11:59", "a 2027-01-02T12:00"]],
    [
      "all",
      ["a 2027-01-02T11:54", "a 2027-01-02T11:55", "a 2027-01-02T11:56", "a 2027-01-02T11:57"].concat([
        "a 2027-01-02T11:58",
        "a 2027-01-02T11:59",
        "a 2027-01-02T12:00",
      ]),
    ],
  ] as const)("each minute of a year in which no worker ran: %s", async (missed, expected) => {
    const { time, schedules, who } = rig();
    const more = { when: { cron: "* * * * *" }, missed, maxMissed: 5, graceMs: 90_000 } as const;
    await schedules.put(who, hourly("a", more));
    time.pass(365 * DAY);
    const claimed = await claimAll(schedules, who);
    // Those of the last 90 seconds are not missed.
    const own = missed === "skip" ? ["a 2027-01-02T11:59", ...expected] : expected;
    expect(claimed).toEqual(own);
    const { occurrences } = await schedules.history(who, "a", { limit: 1000 });
    const since = occurrences.filter(({ missedSince }) => missedSince !== undefined);
    const of = missed === "all" ? "2027-01-02T11:54" : "2027-01-02T11:58";
    expect(since.map((one) => [at(one.at.getTime()), at(one.missedSince?.getTime() as number)])).toEqual(
      missed === "skip" ? [] : [[of, "2026-01-02T12:01"]],
    );
    time.pass(MINUTE);
    expect(await claimAll(schedules, who)).toEqual(["a 2027-01-02T12:01"]);
  });

  test("a date comes once, is made up for as the schedule says, and then the schedule has ended", async () => {
    const { time, schedules, who } = rig();
    const when = { at: new Date(NOON + HOUR) };
    await schedules.put(who, hourly("once", { when }));
    await schedules.put(who, hourly("skip", { when, missed: "skip" }));
    await schedules.put(who, hourly("disabled", { when, enabled: false }));
    time.pass(DAY);
    expect(await claimAll(schedules, who)).toEqual([`once ${at(NOON + HOUR)}`]);
    expect(await schedules.enable(who, "disabled")).toMatchObject({ status: "ended" });
    for (const name of ["once", "skip"])
      expect(await schedules.get(who, name)).toMatchObject({ status: "ended" });
    // The same put again does not let it come again; another date does.
    await schedules.put(who, hourly("once", { when }));
    expect(await claimAll(schedules, who)).toEqual([]);
    await schedules.put(who, hourly("once", { when: { at: new Date(NOON + 2 * HOUR) } }));
    expect(await claimAll(schedules, who)).toEqual([`once ${at(NOON + 2 * HOUR)}`]);
  });

  test("no time comes twice under a clock that is set back, nor after a put, nor after a disable", async () => {
    const { time, schedules, who } = rig();
    await schedules.put(who, hourly("a"));
    time.pass(2 * HOUR);
    expect(await claimAll(schedules, who)).toEqual([`a ${at(NOON + HOUR)}`, `a ${at(NOON + 2 * HOUR)}`]);
    time.pass(-90 * MINUTE);
    expect(await claimAll(schedules, who)).toEqual([]);
    await schedules.put(who, hourly("a", { when: { cron: "*/30 * * * *" } }));
    await schedules.disable(who, "a");
    await schedules.enable(who, "a");
    for (let minutes = 0; minutes < 120; minutes += 10) {
      const claimed = await claimAll(schedules, who);
      if (minutes < 120 && time.clock() < NOON + 150 * MINUTE) expect(claimed).toEqual([]);
      time.pass(10 * MINUTE);
    }
    expect(await claimAll(schedules, who)).toEqual([`a ${at(NOON + 150 * MINUTE)}`]);
  });

  test("where missed times are skipped, the next one is not claimed before it has come", async () => {
    const { time, schedules, who } = rig();
    await schedules.put(who, hourly("a", { missed: "skip" }));
    time.pass(90 * MINUTE);
    expect(await claimAll(schedules, who)).toEqual([]);
    expect(await schedules.get(who, "a")).toMatchObject({
      nextAt: new Date(NOON + 2 * HOUR),
      occurrences: 0,
    });
    time.pass(30 * MINUTE);
    expect(await claimAll(schedules, who)).toEqual([`a ${at(NOON + 2 * HOUR)}`]);
  });

  test("times while a schedule is disabled are not made up for", async () => {
    const { time, schedules, who } = rig();
    await schedules.put(who, hourly("a", { missed: "all" }));
    expect(await schedules.disable(who, "a")).not.toHaveProperty("nextAt");
    time.pass(DAY);
    expect(await claimAll(schedules, who)).toEqual([]);
    const enabled = await schedules.enable(who, "a");
    expect(await schedules.enable(who, "a")).toEqual(enabled);
    time.pass(HOUR);
    expect(await claimAll(schedules, who)).toEqual([`a ${at(NOON + DAY + HOUR)}`]);
  });

  test("an occurrence whose worker was killed is claimed again, until it has failed too often", async () => {
    const { time, schedules, who } = rig();
    await schedules.put(who, hourly("a", { maxAttempts: 2 }));
    time.pass(HOUR);
    const first = await schedules.claimDue(who, WORKER);
    time.pass(MINUTE);
    const second = await schedules.claimDue(who, { ...WORKER, worker: "w2" });
    expect(second?.occurrence).toMatchObject({ number: 1, attempts: 2, holder: { worker: "w2", fence: 2 } });
    if (first === undefined || second === undefined) throw new Error("nothing was claimed");
    for (const late of [
      schedules.finish(first.lease, done),
      schedules.renew(first.lease, { leaseMs: MINUTE }),
    ])
      await expect(late).rejects.toMatchObject({
        code: "FENCED",
        details: { fence: 1, current: 2, status: "running", worker: "w2" },
      });
    const renewed = await schedules.renew(second.lease, { leaseMs: 5 * MINUTE });
    expect(renewed.until).toEqual(new Date(NOON + HOUR + 6 * MINUTE));
    time.pass(4 * MINUTE);
    expect(await schedules.claimDue(who, WORKER)).toBeUndefined();
    time.pass(MINUTE);
    expect(await schedules.claimDue(who, WORKER)).toBeUndefined();
    const { occurrences } = await schedules.history(who, "a");
    expect(occurrences).toMatchObject([{ status: "failed", attempts: 2, outcome: { crashed: true } }]);
    await expect(schedules.finish(second.lease, done)).rejects.toMatchObject({ code: "FENCED" });
  });

  test("an occurrence whose worker was killed has failed where the schedule says so, and the next is claimed", async () => {
    const { time, schedules, who } = rig();
    await schedules.put(who, hourly("a", { onCrash: "fail" }));
    time.pass(HOUR);
    await schedules.claimDue(who, WORKER);
    time.pass(HOUR);
    expect((await schedules.claimDue(who, WORKER))?.occurrence.number).toBe(2);
    // What is new may come first.
    expect(await schedules.claimDue(who, WORKER)).toBeUndefined();
    const { occurrences } = await schedules.history(who, "a");
    expect(occurrences.map(({ status }) => status)).toEqual(["running", "failed"]);
  });

  test("a schedule that is changed or deleted while an occurrence is under way", async () => {
    const { time, schedules, who } = rig();
    await schedules.put(who, hourly("a"));
    time.pass(HOUR);
    const claimed = await schedules.claimDue(who, WORKER);
    if (claimed === undefined) throw new Error("nothing was claimed");
    await schedules.put(who, hourly("a", { when: { cron: "30 * * * *" }, action: "new" }));
    expect(await schedules.claimDue(who, WORKER)).toBeUndefined();
    expect(await schedules.finish(claimed.lease, done)).toMatchObject({ action: { do: "a" } });
    time.pass(30 * MINUTE);
    const next = await schedules.claimDue(who, WORKER);
    expect(next?.occurrence).toMatchObject({ number: 2, action: "new", at: new Date(NOON + 90 * MINUTE) });
    if (next === undefined) throw new Error("nothing was claimed");

    expect(await schedules.delete(who, "a")).toBe(true);
    expect(await schedules.delete(who, "a")).toBe(false);
    await expect(schedules.finish(next.lease, done)).rejects.toMatchObject({ code: "NOT_FOUND" });
    time.pass(DAY);
    expect(await claimAll(schedules, who)).toEqual([]);
    expect(await opened.store.list(tenantIdentity(who.tenant), "")).toEqual([]);
    // The name is free, and nothing of the old one is in the new one's history.
    await schedules.put(who, hourly("a"));
    expect(await schedules.history(who, "a")).toEqual({ occurrences: [] });
    time.pass(HOUR);
    expect(await claimAll(schedules, who)).toHaveLength(1);
    expect((await schedules.history(who, "a")).occurrences).toMatchObject([{ number: 1 }]);
  });

  test("the history keeps the latest, and those under way however old they are", async () => {
    const { time, schedules, who } = rig();
    await schedules.put(who, hourly("a", { keep: 3 }));
    time.pass(HOUR);
    const slow = await schedules.claimDue(who, { worker: "slow", leaseMs: DAY });
    if (slow === undefined) throw new Error("nothing was claimed");
    for (let n = 0; n < 6; n++) {
      time.pass(HOUR);
      await claimAll(schedules, who);
    }
    const numbers = async () => (await schedules.history(who, "a")).occurrences.map(({ number }) => number);
    expect(await numbers()).toEqual([7, 6, 5, 1]);
    expect(await schedules.finish(slow.lease, done)).toMatchObject({ number: 1, status: "completed" });
    expect(await numbers()).toEqual([7, 6, 5]);
    await schedules.put(who, hourly("a", { keep: 1 }));
    time.pass(HOUR);
    await claimAll(schedules, who);
    expect(await numbers()).toEqual([8]);
    // Of each there is a state, a content and two entries, and of the schedule a state, a content, an entry and its time.
    expect(await opened.store.list(tenantIdentity(who.tenant), "")).toHaveLength(8);
  });

  test("what an occurrence did and its end are one commit", async () => {
    const { time, schedules, who } = rig();
    const notes = new Collection<string>(opened.store, "note");
    await schedules.put(who, hourly("a", { onCrash: "retry" }));
    time.pass(HOUR);
    const first = await schedules.claimDue(who, WORKER);
    time.pass(MINUTE);
    const second = await schedules.claimDue(who, WORKER);
    const finishIn = (lease: NonNullable<typeof first>["lease"], note: string) =>
      together(opened.store, async (unit) => {
        await unit.run({
          turn: notes.at(who, note),
          repeatable: true,
          apply: (transaction) => transaction.set(notes.at(who, note), note),
        });
        await schedules.in(unit).put(who, hourly(`after ${note}`));
        return schedules.in(unit).finish(lease, done);
      });
    if (first === undefined || second === undefined) throw new Error("nothing was claimed");
    await expect(finishIn(first.lease, "late")).rejects.toMatchObject({ code: "FENCED" });
    expect(await schedules.find(who, "after late")).toBeUndefined();
    expect(await finishIn(second.lease, "right")).toMatchObject({ status: "completed" });
    expect((await notes.list(who)).map(({ id }) => id)).toEqual(["right"]);
    expect(await schedules.find(who, "after right")).toBeDefined();
  });
});

inMemory((opened) => {
  test("a delete that is interrupted leaves no schedule, and what is left of its history is removed", async () => {
    const time = setClock();
    const who = newSession();
    const schedules = createSchedules(opened.store, { clock: time.clock });
    await schedules.put(who, hourly("a"));
    time.pass(HOUR);
    await claimAll(schedules, who);
    const failing = withMethods(opened.store, {
      list: () => Promise.reject(new Error("the process was killed")),
    });
    await expect(createSchedules(failing).delete(who, "a")).rejects.toThrow("killed");
    expect(await schedules.find(who, "a")).toBeUndefined();
    expect(await opened.store.list(tenantIdentity(who.tenant), "occurrence/")).toHaveLength(1);
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    expect(await schedules.removeDeleted(scope)).toBe(1);
    expect(await schedules.removeDeleted(scope)).toBe(0);
    expect(await opened.store.list(tenantIdentity(who.tenant), "")).toEqual([]);
  });

  test("a lease is renewed while the work goes on, and the work learns that it is lost", async () => {
    const who = newSession();
    const schedules = createSchedules(opened.store);
    await schedules.put(who, hourly("a", { when: { at: new Date(0) } }));
    const claimed = await schedules.claimDue(who, { worker: "w", leaseMs: 90 }, { waitMs: 1000 });
    if (claimed === undefined) throw new Error("nothing was claimed");
    const { lease } = claimed;
    const seen = await schedules.renewWhile(lease, { leaseMs: 90 }, async () => {
      const until = async () =>
        (await schedules.history(who, "a")).occurrences[0]?.holder?.until.getTime() ?? 0;
      await expect.poll(until).toBeGreaterThan(lease.until.getTime());
      await schedules.delete(who, "a");
      return "deleted";
    });
    expect(seen).toBe("deleted");
    await schedules.put(who, hourly("b", { when: { at: new Date(0) } }));
    const other = await schedules.claimDue(who, { worker: "w", leaseMs: 90 });
    if (other === undefined) throw new Error("nothing was claimed");
    const lost = await schedules.renewWhile(other.lease, { leaseMs: 90 }, async (signal) => {
      await schedules.delete(who, "b");
      await expect.poll(() => signal.aborted).toBe(true);
      return signal.reason.code;
    });
    expect(lost).toBe("NOT_FOUND");
  });

  test("a damaged schedule keeps no other from being claimed", async () => {
    const time = setClock();
    const who = newSession();
    const schedules = createSchedules(opened.store, { clock: time.clock });
    await schedules.put(who, { ...hourly("a"), id: "put-a" });
    await schedules.put(who, { ...hourly("b"), id: "put-b" });
    time.pass(HOUR);
    const [record] = await opened.store.list(tenantIdentity(who.tenant), "schedule/");
    if (record === undefined) throw new Error("nothing is stored");
    await opened.store.save({ ...record, eventId: "damage", bytes: Buffer.from("{}") });
    expect(await schedules.claimDue(who, WORKER)).toBeDefined();
    await expect(schedules.claimDue(who, WORKER)).rejects.toMatchObject({ code: "CORRUPT" });
    // It can be deleted, and put again.
    const { schedule } = (await schedules.occurrences(who)).occurrences[0] ?? {};
    const damaged = schedule === "a" ? "b" : "a";
    await expect(schedules.get(who, damaged)).rejects.toMatchObject({ code: "CORRUPT" });
    expect(await schedules.delete(who, damaged)).toBe(true);
    expect(await schedules.delete(who, damaged)).toBe(false);
    expect(await opened.store.count(tenantIdentity(who.tenant), "schedule.put/")).toBe(1);
    expect(await schedules.claimDue(who, WORKER)).toBeUndefined();
    await schedules.put(who, hourly(damaged));
    expect((await schedules.list(who)).schedules.map(({ name }) => name).sort()).toEqual(["a", "b"]);
  });
});
