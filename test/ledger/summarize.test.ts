import { describe, expect, test } from "vitest";
import { UsageGroups } from "../../src/ledger/groups.js";
import { type BudgetScope, createLedger, type SummarizeOptions } from "../../src/ledger/index.js";
import { NO_USAGE } from "../../src/ledger/usage.js";
import { isSoak } from "../soak.js";
import { newSession, onEveryStore } from "../typed/stores.js";

/** Berlin's clocks go from two to three on this day, which is 23 hours long. */
const SPRING = Date.parse("2026-03-29T00:00:00Z");
const HOUR = 3_600_000;

onEveryStore((opened) => {
  /** 120 calls of 4 users in the days about the beginning of summer time. */
  async function accounts() {
    const ledger = createLedger(opened.store);
    const { tenant } = newSession();
    const calls = Array.from({ length: 120 }, (_, n) => ({
      user: `u${n % 4}`,
      session: `s${n % 3}`,
      ...(n % 5 === 0 ? {} : { run: `r${n % 2}` }),
      provider: `p${n % 2}`,
      model: `m${n % 3}`,
      cost: `0.${String(n + 1).padStart(3, "0")}`,
      ...(n % 7 === 0 ? { currency: "EUR" } : {}),
      ...(n % 4 === 3 ? {} : { tags: { team: `t${n % 2}` } }),
      promptTokens: n,
      at: new Date(SPRING + (n - 60) * 0.7 * HOUR),
    }));
    await Promise.all(
      calls.map(async ({ user, session, run, ...call }) => {
        await ledger.record({ tenant, user, session, ...(run && { run }) }, call);
      }),
    );
    return { ledger, tenant, calls };
  }

  const local = (at: Date, timeZone: string) => {
    const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" });
    return format.format(at);
  };

  test("by any one to three things, of any scope and filter, groups have the sums of their calls", async () => {
    const { ledger, tenant, calls } = await accounts();
    type Call = (typeof calls)[number];
    const keyOf: Record<string, (call: Call, zone: string) => string | null | undefined> = {
      provider: ({ provider }) => provider,
      model: ({ model }) => model,
      user: ({ user }) => user,
      session: ({ session }) => session,
      run: ({ run }) => run ?? null,
      runName: () => null,
      team: ({ tags }) => tags?.team,
      day: ({ at }, zone) => local(at, zone).slice(0, 10),
      month: ({ at }, zone) => `${local(at, zone).slice(0, 8)}01`,
    };
    const ask = async (scope: BudgetScope, names: readonly string[], options: Partial<SummarizeOptions>) => {
      const by = names.map((name) => (name === "team" ? { tag: "team" } : name)) as never;
      const { groups, groupCount, total } = await ledger.summarize(scope, { ...options, by });
      expect(groupCount).toBe(groups.length);
      const found = groups.map(({ keys, user, session, calls: count, promptTokens }) => [
        JSON.stringify([...keys, user, session]),
        `${count} ${promptTokens}`,
      ]);
      const sum = groups.reduce((all, group) => all + group.calls, 0);
      expect(total.calls).toBe(sum);
      return Object.fromEntries(found);
    };
    const expected = (
      scope: BudgetScope,
      names: readonly string[],
      { timeZone = "UTC", since, until }: Partial<SummarizeOptions>,
    ) => {
      const sums = new Map<string, [number, number]>();
      for (const call of calls) {
        const { user, session, run, provider, model, tags, at, promptTokens } = call;
        const own = { user, session, run, provider, model } as Record<string, unknown>;
        const { tags: wanted, tenant: _, ...rest } = scope;
        if (Object.entries(rest).some(([name, value]) => own[name] !== value)) continue;
        if (wanted?.team !== undefined && wanted.team !== tags?.team) continue;
        if ((since && at < since) || (until && at >= until)) continue;
        const keys = names.map((name) => keyOf[name]?.(call, timeZone));
        if (keys.includes(undefined)) continue;
        const ofRun = names.includes("run") && run !== undefined;
        const owner = [ofRun || names.includes("session") ? user : undefined, ofRun ? session : undefined];
        const id = JSON.stringify([...keys, ...owner]);
        const [count, tokens] = sums.get(id) ?? [0, 0];
        sums.set(id, [count + 1, tokens + promptTokens]);
      }
      return Object.fromEntries([...sums].map(([id, [count, tokens]]) => [id, `${count} ${tokens}`]));
    };
    const scopes: BudgetScope[] = [
      { tenant },
      { tenant, user: "u1" },
      { tenant, user: "u1", session: "s1" },
      { tenant, user: "u1", session: "s1", run: "r1" },
      { tenant, model: "m1" },
      { tenant, provider: "p0", tags: { team: "t0" } },
      { tenant, user: "u2", model: "m2" },
      { tenant, user: "nobody" },
    ];
    const ways = [
      ["model"],
      ["day"],
      ["month"],
      ["session"],
      ["run"],
      ["team"],
      ["user", "session"],
      ["day", "model"],
      ["user", "model", "team"],
      ["session", "day"],
    ];
    const periods: Partial<SummarizeOptions>[] = [
      {},
      { since: new Date(SPRING - 30 * HOUR), until: new Date(SPRING + 25.5 * HOUR) },
    ];
    const questions = scopes.flatMap((scope) =>
      ways.flatMap((names) => periods.map((period) => ({ scope, names, period }))),
    );
    // Seven is prime to the number of each of them, so that all of them are asked for.
    for (const { scope, names, period } of questions.filter((_, index) => isSoak || index % 7 === 0))
      expect([scope, names, period, await ask(scope, names, period)]).toEqual([
        scope,
        names,
        period,
        expected(scope, names, period),
      ]);
    for (const timeZone of ["Europe/Berlin", "Asia/Kolkata", "America/New_York"])
      for (const names of [["day"], ["month", "user"]])
        expect(await ask({ tenant }, names, { timeZone })).toEqual(expected({ tenant }, names, { timeZone }));
  });

  test("hours are those of the time zone: none where the clocks go forward, two where they go back", async () => {
    const ledger = createLedger(opened.store);
    const who = newSession();
    const record = (at: string) => ledger.record(who, { provider: "p", model: "m", at: new Date(at) });
    const hours = async (timeZone: string) =>
      (await ledger.summarize(who, { by: "hour", timeZone, orderBy: "time" })).groups.map(
        ({ key, calls }) => `${key} ${calls}`,
      );
    for (const at of ["2026-03-29T00:59:59.999Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"])
      await record(at);
    expect(await hours("Europe/Berlin")).toEqual(["2026-03-29T01:00+01:00 1", "2026-03-29T03:00+02:00 2"]);
    for (const at of ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]) await record(at);
    expect((await hours("Europe/Berlin")).slice(2)).toEqual([
      "2026-10-25T02:00+02:00 1",
      "2026-10-25T02:00+01:00 1",
    ]);
    expect((await hours("Asia/Kolkata")).slice(0, 2)).toEqual([
      "2026-03-29T06:00+05:30 2",
      "2026-03-29T07:00+05:30 1",
    ]);
    expect((await hours("UTC"))[0]).toBe("2026-03-29T00:00Z 1");
    const weeks = await ledger.summarize(who, { by: "week", timeZone: "Pacific/Auckland" });
    expect(weeks.groups.map(({ key }) => key).sort()).toEqual(["2026-03-23", "2026-10-19"]);
  });

  test("groups are sorted as was asked for and limited; the total is of all", async () => {
    const ledger = createLedger(opened.store);
    const who = newSession();
    const record = (model: string, cost: string, promptTokens: number, at: string, currency?: string) =>
      ledger.record(who, {
        provider: "p",
        model,
        cost,
        promptTokens,
        at: new Date(at),
        ...(currency === undefined ? {} : { currency }),
      });
    await record("a", "1", 5, "2026-01-03T00:00:00Z");
    await record("b", "3", 1, "2026-01-02T00:00:00Z");
    await record("b", "3", 1, "2026-01-01T00:00:00Z");
    await record("c", "2", 9, "2026-01-04T00:00:00Z");
    await record("c", "7", 0, "2026-01-04T00:00:00Z", "EUR");
    await record("c", "0", 0, "2026-01-04T00:00:00Z");
    const order = async (options: Omit<SummarizeOptions, "by">, by: SummarizeOptions["by"] = "model") => {
      const { groups, total, groupCount } = await ledger.summarize(
        { tenant: who.tenant },
        { by, ...options },
      );
      expect([total.calls, total.cost, total.costs?.EUR]).toEqual([6, "9", "7"]);
      expect(groupCount).toBe(by === "model" ? 3 : 4);
      return groups.map(({ key }) => key).join(" ");
    };
    expect(await order({})).toBe("b c a");
    expect(await order({ order: "asc" })).toBe("a c b");
    expect(await order({ orderBy: "calls" })).toBe("c b a");
    expect(await order({ orderBy: "tokens", limit: 2 })).toBe("c a");
    expect(await order({ currency: "EUR", limit: 1 })).toBe("c");
    expect(await order({ orderBy: "time" }, "day")).toBe("2026-01-01 2026-01-02 2026-01-03 2026-01-04");
    expect(await order({ orderBy: "time", order: "desc", limit: 1 }, ["model", "day"])).toBe("c");
  });

  describe("refuses", () => {
    test.each<[string, string, object]>([
      ["nothing to group by", "by", { by: [] }],
      ["four things", "by", { by: ["day", "user", "model", "session"] }],
      ["the same thing twice", "by", { by: [{ tag: "a" }, { tag: "a" }] }],
      ["a time zone where nothing is a time", "by", { by: "model", timeZone: "UTC" }],
      ["a time zone that is none", "timeZone", { by: "day", timeZone: "Mars/Olympus" }],
      ["an order by time where nothing is one", "by", { by: "model", orderBy: "time" }],
      ["an order it does not know", "orderBy", { by: "model", orderBy: "name" }],
      ["a limit of none", "limit", { by: "model", limit: 0 }],
      ["a currency in small letters", "currency", { by: "model", currency: "eur" }],
    ])("%s", async (_, field, options) => {
      const asked = createLedger(opened.store).summarize({ tenant: "t" }, options as SummarizeOptions);
      await expect(asked).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field } });
    });

    test("to go on when its signal aborts", async () => {
      const { ledger, tenant } = await accounts();
      const signal = AbortSignal.abort(new Error("enough"));
      for (const by of ["model", "hour"] as const)
        await expect(ledger.summarize({ tenant }, { by, signal })).rejects.toThrow("enough");
    });
  });
});

test("more groups than there is room for are refused, and not a part of them returned", () => {
  const groups = new UsageGroups();
  for (let n = 0; n < 100_000; n++) groups.add({ keys: [`s${n}`] }, NO_USAGE);
  groups.add({ keys: ["s0"] }, NO_USAGE);
  expect(() => groups.add({ keys: ["one more"] }, NO_USAGE)).toThrow(/at most 100000 groups/);
});
