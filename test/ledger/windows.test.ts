import { describe, expect, test } from "vitest";
import { newEventId, tenantIdentity } from "../../src/index.js";
import { type BudgetInput, createLedger, type Ledger } from "../../src/ledger/index.js";
import { together } from "../../src/typed.js";
import { losingAnswers, untilKnown } from "../typed/lost-answers.js";
import { inProcesses } from "../typed/processes.js";
import { newSession, onEveryStore, onSharedStores } from "../typed/stores.js";
import { expectBalanced } from "./accounts.js";

const CALL = { provider: "p", model: "m" };
const HOUR = 3_600_000;

onEveryStore((opened) => {
  const timed = (start: string) => {
    const clock = { now: Date.parse(start) };
    return { clock, ledger: createLedger(opened.store, { clock: () => clock.now }) };
  };

  describe("refuses", () => {
    test.each<[string, string, object]>([
      ["a period it does not know", "every", { every: "year" }],
      ["a time zone without a period", "every", { timeZone: "Europe/Berlin" }],
      ["a time zone that is none", "timeZone", { every: "day", timeZone: "Mars/Olympus" }],
      ["carrying over without a period", "every", { carryOver: true }],
      ["a rolling window with a period", "every", { rollingMs: HOUR, every: "day" }],
      ["a rolling window of a second", "rollingMs", { rollingMs: 1000 }],
      ["a share above the limit", "warnAt", { warnAt: [1.1] }],
      ["a share of nothing", "warnAt", { warnAt: [0] }],
      ["an amount of what is not limited", "warnAt", { warnAt: [{ tokens: 5 }] }],
      ["an amount of nothing", "warnAt", { warnAt: [{ cost: "0" }] }],
      [
        "more than eight of them",
        "warnAt",
        { warnAt: [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => ({ cost: n })) },
      ],
      ["an empty name", "name", { name: "" }],
      ["a long name", "name", { name: "n".repeat(65) }],
      ["a currency in small letters", "currency", { currency: "eur" }],
    ])("%s", async (_, field, wrong) => {
      const budget = { cost: "1", ...wrong } as BudgetInput;
      await expect(createLedger(opened.store).setBudget({ tenant: "t" }, budget)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
    });

    test("a filter without a value, and a currency without a cost", async () => {
      const ledger = createLedger(opened.store);
      for (const [field, scope] of [
        ["tags", { tags: {} }],
        ["model", { model: "" }],
        ["provider", { provider: undefined }],
      ] as const)
        await expect(
          ledger.setBudget({ tenant: "t", ...scope } as never, { calls: 1 }),
        ).rejects.toMatchObject({ details: { field } });
      await expect(ledger.setBudget({ tenant: "t" }, { calls: 1, currency: "EUR" })).rejects.toMatchObject({
        details: { field: "cost" },
      });
    });
  });

  test("a month counts by itself in its time zone, late calls in theirs, and what is over stays as history", async () => {
    // 23:30 in Berlin.
    const { clock, ledger } = timed("2026-01-31T22:30:00Z");
    const who = newSession();
    const of = { tenant: who.tenant, user: who.user };
    const monthly = { cost: "10", every: "month", timeZone: "Europe/Berlin" } as const;
    await ledger.record(who, { ...CALL, cost: "2" });
    await ledger.record(who, { ...CALL, cost: "40", at: new Date("2025-12-31T22:59:59Z") });
    const january = await ledger.setBudget(of, monthly);
    expect(january).toMatchObject({
      spent: { cost: "2" },
      since: new Date("2025-12-31T23:00:00Z"),
      until: new Date("2026-01-31T23:00:00Z"),
      resetAt: new Date("2026-01-31T23:00:00Z"),
    });
    await ledger.record(who, { ...CALL, cost: "7" });
    await expect(ledger.reserve(who, { cost: "2" })).rejects.toMatchObject({
      details: { spent: "9", limit: "10", resetAt: new Date("2026-01-31T23:00:00Z") },
    });
    clock.now = Date.parse("2026-01-31T23:00:00Z");
    await ledger.record(who, { ...CALL, cost: "4" });
    // The job that sets the budget at every start changes nothing.
    expect(await ledger.setBudget(of, monthly)).toMatchObject({
      spent: { cost: "4" },
      remaining: { cost: "6" },
    });
    await ledger.record(who, { ...CALL, cost: "3", at: new Date("2026-01-15T12:00:00Z") });
    expect((await ledger.budget(of))?.spent.cost).toBe("4");
    expect(await ledger.budgetPeriods(of)).toEqual([
      {
        key: "2026-02-01",
        since: new Date("2026-01-31T23:00:00Z"),
        until: new Date("2026-02-28T23:00:00Z"),
        limits: { cost: "10" },
        spent: { cost: "4" },
      },
      {
        key: "2026-01-01",
        since: new Date("2025-12-31T23:00:00Z"),
        until: new Date("2026-01-31T23:00:00Z"),
        limits: { cost: "10" },
        spent: { cost: "12" },
      },
    ]);
    expect(
      (await ledger.budgetPeriods(of, { before: "2026-02-01", limit: 1 })).map(({ key }) => key),
    ).toEqual(["2026-01-01"]);
    expect(await ledger.removeBudget(of)).toBe(true);
    expect(await ledger.budgetPeriods(of)).toEqual([]);
    await expectBalanced(opened.store, who.tenant);
  });

  test("the day on which summer time begins has 23 hours, and weeks begin on Monday", async () => {
    const { clock, ledger } = timed("2026-03-28T23:00:00Z");
    const who = newSession();
    const timeZone = "Europe/Berlin";
    await ledger.setBudget(who, { name: "day", calls: 9, every: "day", timeZone });
    await ledger.setBudget(who, { name: "week", calls: 9, every: "week", timeZone });
    const spent = async (name: string) => (await ledger.budget(who, { name }))?.spent.calls;
    await ledger.record(who, CALL);
    clock.now += 23 * HOUR - 1;
    await ledger.record(who, CALL);
    expect([await spent("day"), await spent("week")]).toEqual([2, 2]);
    expect(await ledger.budget(who, { name: "week" })).toMatchObject({
      since: new Date("2026-03-22T23:00:00Z"),
      until: new Date("2026-03-29T22:00:00Z"),
    });
    clock.now += 1;
    expect([await spent("day"), await spent("week")]).toEqual([0, 0]);
  });

  test("what a period leaves is carried over once, also after a late call", async () => {
    const { clock, ledger } = timed("2026-05-01T12:00:00Z");
    const who = newSession();
    await ledger.setBudget(who, { tokens: 100, every: "day", carryOver: true });
    expect(await ledger.budget(who)).toMatchObject({ carried: { tokens: 0 }, remaining: { tokens: 100 } });
    await ledger.record(who, { ...CALL, promptTokens: 30 });
    clock.now += 24 * HOUR;
    expect(await ledger.budget(who)).toMatchObject({
      limits: { tokens: 100 },
      carried: { tokens: 70 },
      remaining: { tokens: 170 },
    });
    await ledger.reserve(who, { id: "r", tokens: 170 });
    await ledger.release(who, "r");
    await ledger.record(who, { ...CALL, promptTokens: 20, at: new Date(clock.now - 24 * HOUR) });
    expect((await ledger.budget(who))?.carried).toEqual({ tokens: 50 });
    await expect(ledger.reserve(who, { tokens: 151 })).rejects.toMatchObject({
      details: { limit: 150, requested: 151 },
    });
    clock.now += 24 * HOUR;
    expect((await ledger.budget(who))?.carried).toEqual({ tokens: 100 });
  });

  test("a rolling window lets go of what is older, and of nothing younger", async () => {
    const { clock, ledger } = timed("2026-05-01T12:00:00Z");
    const who = newSession();
    await ledger.record(who, { ...CALL, cost: "1", at: new Date(clock.now - 25 * HOUR) });
    await ledger.record(who, { ...CALL, cost: "2", at: new Date(clock.now - 10 * HOUR) });
    await ledger.setBudget(who, { cost: "10", rollingMs: 24 * HOUR });
    await ledger.record(who, { ...CALL, cost: "4" });
    const spent = async () => (await ledger.budget(who))?.spent.cost;
    expect(await spent()).toBe("6");
    clock.now += 13 * HOUR;
    expect(await spent()).toBe("6");
    clock.now += 2 * HOUR;
    expect(await spent()).toBe("4");
    clock.now += 8 * HOUR;
    expect(await spent()).toBe("4");
    clock.now += 2 * HOUR;
    expect(await spent()).toBe("0");
    for (let n = 0; n < 40; n++) {
      clock.now += HOUR;
      await ledger.record(who, { ...CALL, cost: "0.1" });
    }
    expect(Number(await spent())).toBeGreaterThanOrEqual(2.4);
    expect(Number(await spent())).toBeLessThanOrEqual(2.5);
  });

  test("budgets of a model, a provider, a tag and a run limit their calls alone, beside others of the same scope", async () => {
    const { ledger } = timed("2026-05-01T12:00:00Z");
    const who = { ...newSession(), run: "r1" };
    const { tenant, user } = who;
    const search = { tags: { team: "search" } };
    await ledger.record(who, { ...CALL, ...search, cost: "1" });
    await ledger.setBudget({ tenant, model: "m" }, { cost: "5" });
    await ledger.setBudget({ tenant, provider: "p", model: "m", ...search }, { cost: "4" });
    await ledger.setBudget({ tenant, ...search }, { cost: "3" });
    await ledger.setBudget({ tenant, user, provider: "p" }, { cost: "6" });
    await ledger.setBudget(who, { name: "loop", calls: 3 });
    const left = async (scope: object, name?: string) =>
      (await ledger.budget({ tenant, ...scope }, name ? { name } : {}))?.remaining;
    expect(await left({ model: "m" })).toEqual({ cost: "4" });
    expect(await left({ provider: "p", model: "m", ...search })).toEqual({ cost: "3" });
    expect(await left(search)).toEqual({ cost: "2" });
    expect(await left({ user, provider: "p" })).toEqual({ cost: "5" });
    expect(await left(who, "loop")).toEqual({ calls: 2 });
    const asked = { ...CALL, cost: "2.5" };
    await expect(ledger.reserve(who, { ...asked, ...search })).rejects.toMatchObject({
      details: { scope: "tenant", ...search },
    });
    // Of another team, model and run.
    await ledger.reserve(who, { ...asked, id: "other", tags: { team: "sales" } });
    await expect(ledger.reserve(who, { cost: "0" })).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "model" },
    });
    await ledger.settle(who, "other", { ...CALL, cost: "0.5", tags: { team: "sales" } });
    expect(await left({ model: "m" })).toEqual({ cost: "3.5" });
    expect(await left(search)).toEqual({ cost: "2" });
    await ledger.record({ ...who, run: "r2" }, { ...CALL, model: "n", cost: "0.25" });
    expect(await left({ model: "m" })).toEqual({ cost: "3.5" });
    expect(await left({ user, provider: "p" })).toEqual({ cost: "4.25" });
    expect(await left(who, "loop")).toEqual({ calls: 1 });
    const listed = [];
    for await (const { limits, ...of } of ledger.budgets({ tenant }))
      listed.push([of.provider, of.model, of.tags?.team, limits.cost].join(" "));
    expect(listed.sort()).toEqual([" m  5", "  search 3", "p m search 4"].sort());
    await expectBalanced(opened.store, tenant);
  });

  test("a refusal says when a request fits again, and a budget when it counts less", async () => {
    const { clock, ledger } = timed("2026-01-01T12:00:00Z");
    const start = clock.now;
    const who = newSession();
    await ledger.setBudget(who, { calls: 5, rollingMs: HOUR });
    const budget = () => ledger.budget(who);
    expect(await budget()).not.toHaveProperty("resetAt");
    await ledger.record(who, CALL);
    clock.now += 20 * 60_000;
    for (let call = 0; call < 4; call++) await ledger.record(who, CALL);
    // A thirtieth of the window is counted together, and leaves it when its last call has.
    const [first, others] = [start + HOUR + 120_000, start + 20 * 60_000 + HOUR + 120_000];
    expect((await budget())?.resetAt).toEqual(new Date(first));
    const refusal = (calls: number) =>
      ledger.reserve(who, { calls }).then(
        () => "reserved",
        (error) => error.details.resetAt?.getTime(),
      );
    expect(await Promise.all([1, 2, 5, 6].map(refusal))).toEqual([first, others, others, undefined]);
    clock.now = first - 1;
    expect(await refusal(1)).toBe(first);
    clock.now = first;
    expect(await refusal(1)).toBe("reserved");
    expect((await budget())?.resetAt).toEqual(new Date(others));
    await ledger.setBudget({ tenant: who.tenant }, { name: "all", cost: "1" });
    const other = { ...who, session: "other" };
    await ledger.record(other, { ...CALL, cost: "1" });
    const whole = ledger.reserve(other, { cost: "1" });
    await expect(whole).rejects.toMatchObject({ details: { scope: "tenant" } });
    await expect(whole).rejects.not.toMatchObject({ details: { resetAt: expect.anything() } });
  });

  test("amounts are reported as shares are, each once, and stay reported when the budget is set again", async () => {
    const { ledger } = timed("2026-01-01T12:00:00Z");
    const who = newSession();
    const limits = { name: "eur", cost: "10", currency: "EUR", tokens: 100, every: "day" } as const;
    const warnAt = [{ cost: "2.5", currency: "EUR" }, 0.5, { tokens: 7, cost: "9", currency: "EUR" }];
    await ledger.setBudget(who, { ...limits, warnAt });
    const record = async (cost: string, promptTokens = 0) =>
      (await ledger.record(who, { ...CALL, cost, currency: "EUR", promptTokens })).warnings.map(
        ({ unit, currency, share, amount, spent }) => [unit, currency, share ?? amount, spent].join(" "),
      );
    expect(await record("2.49", 6)).toEqual([]);
    expect(await record("0.01")).toEqual(["cost EUR 2.5 2.5"]);
    await ledger.setBudget(who, { ...limits, warnAt });
    expect(await record("3", 1)).toEqual(["tokens  7 7", "cost EUR 0.5 5.5"]);
    expect(await record("3.5")).toEqual(["cost EUR 9 9"]);
    expect(await record("9")).toEqual([]);
  });

  test("each share of a limit is reported once in its period, to the call that reached it, also when it is sent again", async () => {
    const { clock, ledger } = timed("2026-05-01T12:00:00Z");
    const who = newSession();
    await ledger.setBudget(who, { name: "daily", cost: "10", every: "day", warnAt: [1, 0.5] });
    await ledger.setBudget({ tenant: who.tenant }, { tokens: 1000, warnAt: [0.9] });
    const record = async (eventId: string, cost: string, promptTokens = 0) =>
      (await ledger.record(who, { ...CALL, cost, promptTokens, eventId })).warnings.map(
        ({ scope, name, unit, share, spent }) => [scope, name, unit, share, spent].join(" "),
      );
    expect(await record("a", "4.9")).toEqual([]);
    expect(await record("b", "0.1")).toEqual(["session daily cost 0.5 5"]);
    expect(await record("b", "0.1")).toEqual(["session daily cost 0.5 5"]);
    expect(await record("c", "1")).toEqual([]);
    expect(await record("d", "4", 900)).toEqual(["session daily cost 1 10", "tenant  tokens 0.9 900"].sort());
    expect(await record("e", "4", 900)).toEqual([]);
    clock.now += 24 * HOUR;
    expect(await record("f", "10")).toEqual(["session daily cost 0.5 10", "session daily cost 1 10"]);
    // Higher limits are reached anew.
    await ledger.setBudget(who, { name: "daily", cost: "20", every: "day", warnAt: [0.5, 1] });
    expect(await record("g", "1")).toEqual([]);
    expect(await record("h", "9")).toEqual(["session daily cost 1 20"]);
  });

  test("a budget that begins now counts only what comes, and one that changes its period begins anew", async () => {
    const { ledger } = timed("2026-05-15T12:00:00Z");
    const who = newSession();
    await ledger.record(who, { ...CALL, cost: "3", at: new Date("2026-05-03T00:00:00Z") });
    await ledger.record(who, { ...CALL, cost: "2" });
    const set = async (budget: BudgetInput) =>
      (await ledger.setBudget(who, { cost: "9", ...budget })).spent.cost;
    expect(await set({ every: "month", fromNow: true })).toBe("0");
    await ledger.record(who, { ...CALL, cost: "1" });
    expect(await set({ every: "month" })).toBe("1");
    expect(await set({ every: "month", fromNow: false })).toBe("6");
    expect(await set({ every: "day" })).toBe("3");
    expect(await set({})).toBe("6");
  });

  test("over an unreliable connection each call counts once in every budget", async () => {
    const who = newSession();
    const ledger = createLedger(opened.store);
    await ledger.setBudget({ tenant: who.tenant, model: "m" }, { calls: 100, every: "month", warnAt: [0.1] });
    const unreliable = createLedger(losingAnswers(opened.store, { requests: 0.1, replies: 0.1 }));
    const receipts = await Promise.all(
      Array.from({ length: 16 }, (_, n) =>
        untilKnown(() => unreliable.record(who, { ...CALL, eventId: `e${n}` })),
      ),
    );
    expect((await ledger.budget({ tenant: who.tenant, model: "m" }))?.spent.calls).toBe(16);
    expect(receipts.flatMap(({ warnings }) => warnings)).toHaveLength(1);
  });

  test("a budget that is set while calls are recorded counts each of them once", async () => {
    const who = newSession();
    const [one, other]: Ledger[] = [createLedger(opened.store), createLedger(opened.store)];
    const of = { tenant: who.tenant, tags: { team: "search" } };
    const calls = Array.from({ length: 30 }, (_, n) =>
      (n % 2 === 0 ? one : other)?.record(who, { ...CALL, tags: { team: "search" } }),
    );
    const setting = [one, other].map((ledger) => ledger?.setBudget(of, { calls: 100, every: "month" }));
    await Promise.all([...calls, ...setting]);
    expect((await one?.budget(of))?.spent.calls).toBe(30);
  });

  test("in a unit, a budget counts what the unit recorded before it and after it, or nothing of it happens", async () => {
    const ledger = createLedger(opened.store);
    const who = newSession();
    const of = { tenant: who.tenant, model: "m" };
    const { entry } = await ledger.record(who, { ...CALL, cost: "4" });
    const step = (limit: string) =>
      together(opened.store, async (unit) => {
        const accounts = ledger.in(unit);
        await accounts.record(who, { ...CALL, cost: "1" });
        await accounts.adjust(who, entry.id, { reason: "r", by: { cost: "-1" } });
        await accounts.setBudget(of, { cost: limit, every: "month", warnAt: [1] });
        await accounts.reserve(who, { id: "r", model: "m", cost: "3" });
        await accounts.extend(who, "r", { ttlMs: 86_400_000 });
        return accounts.record(who, { ...CALL, cost: "2" });
      });
    await expect(step("6")).rejects.toMatchObject({ code: "BUDGET_EXCEEDED", details: { spent: "4" } });
    expect(await ledger.budget(of)).toBeUndefined();
    expect((await ledger.totals(who)).cost).toBe("4");
    const { warnings } = await step("7");
    expect(warnings).toEqual([]);
    expect(await ledger.budget(of)).toMatchObject({ spent: { cost: "6" }, reserved: { cost: "3" } });
    await expectBalanced(opened.store, who.tenant);
  });

  test("a damaged record of budgets is CORRUPT by its name, and what is counted is never less than it was", async () => {
    const ledger = createLedger(opened.store);
    for (const prefix of ["ledger.shapes/", "ledger.period/", "ledger.budget/"]) {
      const who = newSession();
      const of = { tenant: who.tenant, model: "m" };
      await ledger.setBudget(of, { calls: 5, every: "month" });
      await ledger.record(who, CALL);
      const [record] = await opened.store.list(tenantIdentity(who.tenant), prefix);
      if (record === undefined) throw new Error(`nothing is stored under ${prefix}`);
      const { kind, version } = record;
      const damaged = { identity: tenantIdentity(who.tenant), kind, version, eventId: newEventId() };
      for (const bytes of [Buffer.from("{}"), Buffer.from('[{"level":"all"}]'), Buffer.from([255])]) {
        await opened.store.save({ ...damaged, eventId: newEventId(), bytes });
        for (const call of [() => ledger.record(who, CALL), () => ledger.reserve(who, { model: "m" })])
          await expect(call()).rejects.toMatchObject({ code: "CORRUPT", details: { at: { kind } } });
      }
      await opened.store.save({ ...damaged, eventId: newEventId(), bytes: record.bytes });
      await ledger.record(who, CALL);
      expect((await ledger.budget(of))?.spent.calls).toBe(2);
    }
  });

  test("names and values that mean something to JavaScript are names of budgets and units like others", async () => {
    const ledger = createLedger(opened.store);
    const who = newSession();
    const hostile = ["__proto__", "constructor", "a/b~c", "tag.x", "\u202e", "null"];
    const named = (value: unknown) => Object.fromEntries(hostile.map((name) => [name, value]));
    const tags = JSON.parse(JSON.stringify(named("x")));
    const units = JSON.parse(JSON.stringify(named(2)));
    for (const name of hostile)
      await ledger.setBudget({ ...who, tags: { [name]: "x" } }, { name, units, every: "day" });
    await ledger.record(who, { ...CALL, tags, units });
    await ledger.record(who, CALL);
    for (const name of hostile) {
      const budget = await ledger.budget({ ...who, tags: { [name]: "x" } }, { name });
      expect(Object.entries(budget?.spent.units ?? {}).sort()).toEqual(Object.entries(units).sort());
      expect(await ledger.budget({ ...who, tags: { [name]: "y" } }, { name })).toBeUndefined();
    }
    expect(Object.entries((await ledger.totals(who)).units ?? {}).sort()).toEqual(
      Object.entries(units).sort(),
    );
    await expectBalanced(opened.store, who.tenant);
  });

  test("what is forgotten with a session are its own budgets and those of its runs, and the others count on", async () => {
    const ledger = createLedger(opened.store);
    const who = { ...newSession(), run: "r1" };
    const { tenant, user, session } = who;
    const scopes = [who, { tenant, user, session }, { tenant, user }, { tenant }];
    for (const scope of scopes) await ledger.setBudget(scope, { name: "n", calls: 9, every: "month" });
    await ledger.record(who, CALL);
    await ledger.forget({ tenant, user, session });
    const spent = async () =>
      Promise.all(scopes.map(async (scope) => (await ledger.budget(scope, { name: "n" }))?.spent.calls));
    expect(await spent()).toEqual([undefined, undefined, 1, 1]);
    await ledger.forgetUser({ tenant, user });
    expect(await spent()).toEqual([undefined, undefined, undefined, 1]);
    // Budgets of users have left no trace: a reservation asks the tenant's alone.
    await ledger.reserve(who, {});
    expect((await ledger.budget({ tenant }, { name: "n" }))?.reserved.calls).toBe(1);
  });
});

onSharedStores((opened) => {
  test("processes count together in a monthly budget, overspend it together never, and report each share once", async () => {
    const who = newSession();
    const ledger = createLedger(opened.store);
    const of = { tenant: who.tenant, model: "m" };
    await ledger.setBudget(of, { cost: "2", every: "month", warnAt: [0.5, 1] });
    const found = await inProcesses<{ granted: number; warnings: number }>(
      4,
      opened.url,
      { who },
      `
      import { createLedger } from "groundstate/ledger";
      const ledger = createLedger(store);
      const call = { provider: "p", model: "m" };
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, async (_, n) => {
          const { id } = await ledger.reserve(args.who, { ...call, cost: "0.1", id: me + "/" + n });
          return (await ledger.settle(args.who, id, { ...call, cost: "0.1" })).warnings.length;
        }),
      );
      const strange = results.filter(({ reason }) => reason !== undefined && reason.code !== "BUDGET_EXCEEDED");
      if (strange.length > 0) throw strange[0].reason;
      const granted = results.filter(({ status }) => status === "fulfilled");
      console.log(JSON.stringify({ granted: granted.length, warnings: granted.reduce((sum, { value }) => sum + value, 0) }));
    `,
    );
    const sum = (of: "granted" | "warnings") => found.reduce((total, each) => total + each[of], 0);
    expect([sum("granted"), sum("warnings")]).toEqual([20, 2]);
    expect(await ledger.budget(of)).toMatchObject({ spent: { cost: "2" }, reserved: { cost: "0" } });
  });
});
