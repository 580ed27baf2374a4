import { describe, expect, test } from "vitest";
import { maintenanceScope, scanKind } from "../../src/index.js";
import { type AttemptInput, createLedger } from "../../src/ledger/index.js";
import { together } from "../../src/typed.js";
import { losingAnswers, untilKnown } from "../typed/lost-answers.js";
import { newSession, onEveryStore } from "../typed/stores.js";

const SENT: AttemptInput = { id: "a1", turn: 3, provider: "p", model: "m" };

onEveryStore((opened) => {
  const timed = () => {
    const clock = { now: Date.parse("2026-01-01T12:00:00Z") };
    return { clock, ledger: createLedger(opened.store, { clock: () => clock.now }) };
  };

  describe("refuses", () => {
    test.each<[string, string, object]>([
      ["no id", "id", { id: "" }],
      ["a long id", "id", { id: "i".repeat(106) }],
      ["a turn that is none", "turn", { turn: -1 }],
      ["an outcome it does not know", "outcome", { outcome: "open" }],
      ["an end without an outcome", "outcome", { endedAt: new Date() }],
      ["a reason without an outcome", "outcome", { reason: "why" }],
      [
        "an end before the beginning",
        "endedAt",
        { outcome: "failed", startedAt: new Date(2), endedAt: new Date(1) },
      ],
      ["an estimate of nothing", "limits", { estimate: {} }],
      ["a misspelt field", "attempt", { request: "r" }],
      ["half a token", "promptTokens", { promptTokens: 0.5 }],
    ])("%s", async (_, field, wrong) => {
      const { ledger } = timed();
      await expect(ledger.attempt(newSession(), { ...SENT, ...wrong } as AttemptInput)).rejects.toMatchObject(
        {
          code: "INVALID_RECORD",
          details: { field },
        },
      );
    });
  });

  test("attempts of a turn are told apart from what is billed, and one whose process was killed stays open", async () => {
    const { clock, ledger } = timed();
    const run = { ...newSession(), run: "r1" };
    await ledger.setBudget(run, { calls: 1 });
    await ledger.attempt(run, { ...SENT, estimate: { cost: "0.2", tokens: 900 } });
    clock.now += 5000;
    const failed = {
      ...SENT,
      outcome: "timedOut",
      requestId: "req-1",
      promptTokens: 850,
      reason: "no byte",
    } as const;
    const { duplicate, attempt } = await ledger.attempt(run, failed);
    expect([duplicate, attempt]).toEqual([
      false,
      {
        ...{ id: "a1", turn: 3, provider: "p", model: "m", requestId: "req-1", reason: "no byte" },
        ...{ promptTokens: 850, completionTokens: 0, cachedReadTokens: 0, cachedWriteTokens: 0 },
        estimate: { cost: "0.2", tokens: 900 },
        status: "timedOut",
        startedAt: new Date(clock.now - 5000),
        endedAt: new Date(clock.now),
      },
    ]);
    await ledger.attempt(run, { ...SENT, id: "a0" });
    await ledger.attempt(run, { ...SENT, turn: 12 });
    await ledger.attempt({ ...run, run: "r2" }, { ...SENT, outcome: "succeeded" });
    const { run: _, ...session } = run;
    await ledger.attempt(session, { ...SENT, outcome: "cancelled" });
    const seen = (all: Awaited<ReturnType<typeof ledger.attempts>>) =>
      all.map(({ turn, id, status }) => `${turn} ${id} ${status}`);
    expect(seen(await ledger.attempts(run, { turn: 3 }))).toEqual(["3 a1 timedOut", "3 a0 open"]);
    expect(seen(await ledger.attempts(run))).toEqual(["3 a1 timedOut", "3 a0 open", "12 a1 open"]);
    expect(seen(await ledger.attempts(run, { after: 3 }))).toEqual(["12 a1 open"]);
    expect(seen(await ledger.attempts(run, { limit: 1 }))).toEqual(["3 a1 timedOut", "3 a0 open"]);
    expect(seen(await ledger.attempts(session))).toEqual(["3 a1 cancelled"]);
    expect((await ledger.totals({ tenant: run.tenant })).calls).toBe(0);
    expect((await ledger.budget(run))?.spent.calls).toBe(0);
  });

  test("the same telling is a duplicate, and one that contradicts it is refused with the field", async () => {
    const { clock, ledger } = timed();
    const who = newSession();
    const first = await ledger.attempt(who, { ...SENT, startedAt: new Date(clock.now - 10) });
    clock.now += 1000;
    expect(await ledger.attempt(who, SENT)).toEqual({ ...first, duplicate: true });
    const end = { ...SENT, outcome: "succeeded", completionTokens: 5 } as const;
    const ended = await ledger.attempt(who, end);
    clock.now += 1000;
    expect(await ledger.attempt(who, end)).toEqual({ ...ended, duplicate: true });
    expect(await ledger.attempt(who, SENT)).toEqual({ ...ended, duplicate: true });
    for (const [field, other] of [
      ["outcome", { ...end, outcome: "failed" }],
      ["completionTokens", { ...end, completionTokens: 6 }],
      ["model", { ...SENT, model: "other" }],
      ["startedAt", { ...SENT, startedAt: new Date(clock.now) }],
    ] as const)
      await expect(ledger.attempt(who, other)).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
        details: { field },
      });
    expect(await ledger.attempts(who)).toEqual([ended.attempt]);
  });

  test("attempts that are told at once, with lost answers and in units, are all there once; a turn has at most a hundred", async () => {
    const { ledger } = timed();
    const who = newSession();
    const unreliable = createLedger(losingAnswers(opened.store, { requests: 0.2, replies: 0.3 }));
    const ids = Array.from({ length: 40 }, (_, n) => `a${n}`);
    await Promise.all(ids.map((id) => untilKnown(() => unreliable.attempt(who, { ...SENT, id }))));
    await Promise.all(
      ids.map((id) =>
        together(opened.store, (unit) => ledger.in(unit).attempt(who, { ...SENT, id, outcome: "failed" })),
      ),
    );
    const all = await ledger.attempts(who, { turn: 3 });
    expect(new Set(all.map(({ id }) => id))).toEqual(new Set(ids));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set(["failed"]));
    for (let n = 40; n < 100; n++) ids.push(`a${n}`);
    await Promise.all(ids.slice(40).map((id) => ledger.attempt(who, { ...SENT, id })));
    await expect(ledger.attempt(who, { ...SENT, id: "one more" })).rejects.toMatchObject({
      details: { field: "turn" },
    });
    expect((await ledger.attempt(who, { ...SENT, id: "a99", outcome: "unknown" })).duplicate).toBe(false);
  });

  test("forgetting a session and a user removes their attempts", async () => {
    const { ledger } = timed();
    const who = newSession();
    const left = async () => {
      const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
      let count = 0;
      for await (const _ of scanKind(opened.store, scope, "ledger.attempt/")) count++;
      return count;
    };
    await ledger.attempt({ ...who, run: "r" }, SENT);
    await ledger.attempt(who, SENT);
    await ledger.attempt({ ...who, session: "other" }, SENT);
    await ledger.forget(who);
    expect(await left()).toBe(1);
    await ledger.forgetUser({ tenant: who.tenant, user: who.user });
    expect(await left()).toBe(0);
  });
});
