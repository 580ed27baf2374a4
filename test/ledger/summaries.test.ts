import { describe, expect, test } from "vitest";
import { createLedger, type SummarizeBy } from "../../src/ledger/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";

const at = (text: string) => new Date(`2026-${text}Z`);

/** Calls with their user, model, time and cost. */
const CALLS = [
  { user: "ann", session: "s1", model: "opus", cost: "1", at: at("01-01T00:00:00.000"), team: "search" },
  { user: "ann", session: "s1", model: "haiku", cost: "0.1", at: at("01-01T12:00:00.000"), team: "ads" },
  { user: "bob", session: "s1", model: "opus", cost: "0.01", at: at("01-01T23:59:59.999"), team: "search" },
  {
    user: "bob",
    session: "s2",
    model: "haiku",
    cost: "0.001",
    at: at("01-02T00:00:00.000"),
    runName: "triage",
  },
  {
    user: "bob",
    session: "s2",
    model: "opus",
    cost: "0.0001",
    at: at("01-03T06:00:00.000"),
    runName: "triage",
  },
] as const;

onEveryStore((opened) => {
  async function accounts() {
    const ledger = createLedger(opened.store);
    const { tenant } = newSession();
    for (const { user, session, model, cost, at: when, ...rest } of CALLS) {
      const entry = {
        provider: model === "opus" ? "anthropic" : "local",
        model,
        cost,
        at: when,
        promptTokens: 1,
        ...("team" in rest ? { tags: { team: rest.team } } : {}),
        ...("runName" in rest ? { runName: rest.runName } : {}),
      };
      await ledger.record({ tenant, user, session }, entry);
    }
    return async (by: SummarizeBy, period: { since?: Date; until?: Date } = {}) => {
      const { groups, total } = await ledger.summarize({ tenant }, { by, ...period });
      return [
        ...groups.map(({ key, user, cost }) => [user ? `${user} ${key}` : key, cost]),
        ["total", total.cost],
      ];
    };
  }

  test.each<[SummarizeBy, (string | null)[][]]>([
    [
      "provider",
      [
        ["anthropic", "1.0101"],
        ["local", "0.101"],
        ["total", "1.1111"],
      ],
    ],
    [
      "model",
      [
        ["opus", "1.0101"],
        ["haiku", "0.101"],
        ["total", "1.1111"],
      ],
    ],
    [
      "day",
      [
        ["2026-01-01", "1.11"],
        ["2026-01-02", "0.001"],
        ["2026-01-03", "0.0001"],
        ["total", "1.1111"],
      ],
    ],
    [
      "user",
      [
        ["ann", "1.1"],
        ["bob", "0.0111"],
        ["total", "1.1111"],
      ],
    ],
    [
      "session",
      [
        ["ann s1", "1.1"],
        ["bob s1", "0.01"],
        ["bob s2", "0.0011"],
        ["total", "1.1111"],
      ],
    ],
    [
      "runName",
      [
        [null, "1.11"],
        ["triage", "0.0011"],
        ["total", "1.1111"],
      ],
    ],
    [
      { tag: "team" },
      [
        ["search", "1.01"],
        ["ads", "0.1"],
        ["total", "1.11"],
      ],
    ],
    [{ tag: "nobody has it" }, [["total", "0"]]],
  ])("by %j, the largest first, with a grand total", async (by, groups) => {
    expect(await (await accounts())(by)).toEqual(groups);
  });

  describe("since is inclusive, until exclusive, to the millisecond", () => {
    test.each<[string, { since?: Date; until?: Date }, string]>([
      ["from the first entry on", { since: at("01-01T00:00:00.000") }, "1.1111"],
      ["from just behind it", { since: at("01-01T00:00:00.001") }, "0.1111"],
      ["up to an entry", { until: at("01-01T23:59:59.999") }, "1.1"],
      ["up to just behind it", { until: at("01-02T00:00:00.000") }, "1.11"],
      ["within a day", { since: at("01-01T12:00:00.000"), until: at("01-01T12:00:00.001") }, "0.1"],
      ["over midnight", { since: at("01-01T13:00:00.000"), until: at("01-02T01:00:00.000") }, "0.011"],
      [
        "over whole days and pieces",
        { since: at("01-01T12:00:00.000"), until: at("01-03T06:00:00.001") },
        "0.1111",
      ],
      ["whole days", { since: at("01-02T00:00:00.000"), until: at("01-03T00:00:00.000") }, "0.001"],
      ["the last day there is", { since: new Date("9999-12-31T12:00:00Z") }, "0"],
      ["nothing", { since: at("02-01T00:00:00.000") }, "0"],
    ])("%s", async (_, period, cost) => {
      const summarize = await accounts();
      for (const by of ["provider", "model", "day", "user", "session", "runName"] as const) {
        expect((await summarize(by, period)).at(-1)).toEqual(["total", cost]);
      }
    });
  });

  test("names may be any text, and each is a group of its own", async () => {
    const ledger = createLedger(opened.store);
    const who = newSession();
    const models = [
      "a",
      "a/b",
      "A",
      "a\u0301",
      "á",
      "%",
      "_",
      "~",
      "m".repeat(255),
      "2026-01-01",
      "../x",
      "null",
    ];
    for (const model of models) await ledger.record(who, { provider: "p", model, cost: "1" });
    const { groups } = await ledger.summarize({ tenant: who.tenant }, { by: "model" });
    expect(groups.map(({ key }) => key).sort()).toEqual([...models].sort());
    expect(new Set(groups.map(({ cost }) => cost))).toEqual(new Set(["1"]));
  });

  test("another tenant sees nothing of it", async () => {
    await accounts();
    const ledger = createLedger(opened.store);
    const { tenant } = newSession();
    expect(await ledger.summarize({ tenant }, { by: "user" })).toMatchObject({
      groups: [],
      total: { calls: 0 },
    });
  });

  describe("reconcile", () => {
    test("compares what a provider reports for a period, and keeps the variance", async () => {
      let now = +at("02-01T00:00:00.000");
      const ledger = createLedger(opened.store, { clock: () => now });
      const who = newSession();
      const { tenant } = who;
      await ledger.record(who, {
        provider: "p",
        model: "m",
        cost: "1.25",
        promptTokens: 100,
        at: at("01-10T00:00:00.000"),
      });
      await ledger.record(who, { provider: "p", model: "m", cost: "9", at: at("01-31T12:00:00.000") });
      await ledger.record(who, { provider: "q", model: "m", cost: "7", at: at("01-10T00:00:00.000") });
      const period = { since: at("01-01T00:00:00.000"), until: at("01-31T12:00:00.000") };
      const first = await ledger.reconcile(
        { tenant },
        { provider: "p", ...period, reported: { cost: "1.2", promptTokens: 130 } },
      );
      expect(first).toEqual({
        id: expect.any(String),
        provider: "p",
        ...period,
        reported: { cost: "1.2", promptTokens: 130 },
        recorded: { cost: "1.25", promptTokens: 100 },
        variance: { cost: "-0.05", promptTokens: 30 },
        at: new Date(now),
      });
      now += 1000;
      const second = await ledger.reconcile(
        { tenant },
        { provider: "unknown", reported: { cost: 3, calls: 2 } },
      );
      expect(second.variance).toEqual({ cost: "3", calls: 2 });
      expect(await ledger.reconciliations({ tenant })).toEqual([second, first]);
      expect(await ledger.reconciliations({ tenant }, { limit: 1, after: second.id })).toEqual([first]);
      expect(
        await ledger.reconciliations(newSession().tenant ? { tenant: newSession().tenant } : { tenant }),
      ).toEqual([]);
    });

    test.each<[string, object]>([
      ["provider", { provider: "", reported: { cost: 1 } }],
      ["cost", { provider: "p", reported: {} }],
      ["reported", { provider: "p", reported: undefined }],
      ["reported", { provider: "p", reported: { cost: 1, dollars: 2 } }],
      ["calls", { provider: "p", reported: { cost: 1, calls: -1 } }],
      [
        "until",
        {
          provider: "p",
          reported: { cost: 1 },
          since: at("01-02T00:00:00.000"),
          until: at("01-01T00:00:00.000"),
        },
      ],
    ])("refuses a bad %s and keeps nothing", async (field, input) => {
      const ledger = createLedger(opened.store);
      const { tenant } = newSession();
      await expect(ledger.reconcile({ tenant }, input as never)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
      expect(await ledger.reconciliations({ tenant })).toEqual([]);
    });
  });
});
