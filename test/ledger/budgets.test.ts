import { describe, expect, test } from "vitest";
import { createLedger, type Ledger } from "../../src/ledger/index.js";
import { isSoak } from "../soak.js";
import { losingAnswers, untilKnown } from "../typed/lost-answers.js";
import { inProcesses } from "../typed/processes.js";
import { newSession, onEveryStore, onSharedStores } from "../typed/stores.js";
import { expectBalanced } from "./accounts.js";

const CALL = { provider: "p", model: "m" };

/** Counts the reservations that succeeded. Expects BUDGET_EXCEEDED of all others. */
async function countGranted(reserving: readonly Promise<unknown>[]): Promise<number> {
  const results = await Promise.allSettled(reserving);
  for (const result of results) {
    if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "BUDGET_EXCEEDED" });
  }
  return results.filter(({ status }) => status === "fulfilled").length;
}

onEveryStore((opened) => {
  const ledger = (clock?: () => number) => createLedger(opened.store, clock ? { clock } : {});

  describe("refuses", () => {
    test.each<[string, string, (ledger: Ledger) => Promise<unknown>]>([
      ["a budget without a limit", "limits", (l) => l.setBudget({ tenant: "t" }, {})],
      ["a limit of something else", "budget", (l) => l.setBudget({ tenant: "t" }, { dollars: 1 } as never)],
      ["a negative limit", "cost", (l) => l.setBudget({ tenant: "t" }, { cost: "-1" })],
      ["half a token", "tokens", (l) => l.setBudget({ tenant: "t" }, { tokens: 0.5 })],
      ["a reservation that never ends", "ttlMs", (l) => l.reserve(newSession(), { ttlMs: 1e12 })],
      ["a reservation of nothing", "amounts", (l) => l.reserve(newSession(), { calls: 0 })],
      ["an empty reservation id", "id", (l) => l.reserve(newSession(), { id: "" })],
      ["settling under an empty id", "reservationId", (l) => l.settle(newSession(), "", CALL)],
    ])("%s", async (_, field, call) => {
      await expect(call(ledger())).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field } });
    });
  });

  test("a budget counts what was spent, what is reserved and what is asked for", async () => {
    const who = newSession();
    await ledger().record(who, { ...CALL, cost: "0.4", promptTokens: 10 });
    await ledger().setBudget(who, { cost: "1", tokens: 100, calls: 5 });
    const { id } = await ledger().reserve(who, { cost: "0.5", tokens: 20 });
    expect(await ledger().budget(who)).toEqual({
      limits: { cost: "1", tokens: 100, calls: 5 },
      spent: { cost: "0.4", tokens: 10, calls: 1 },
      reserved: { cost: "0.5", tokens: 20, calls: 1 },
      remaining: { cost: "0.1", tokens: 70, calls: 3 },
    });
    await expect(ledger().reserve(who, { cost: "0.100000000001", tokens: 0 })).rejects.toMatchObject({
      code: "BUDGET_EXCEEDED",
      details: {
        scope: "session",
        unit: "cost",
        limit: "1",
        spent: "0.4",
        reserved: "0.5",
        requested: "0.100000000001",
      },
    });
    await expect(ledger().reserve(who, { tokens: 71, cost: "0" })).rejects.toMatchObject({
      details: { unit: "tokens" },
    });
    await ledger().reserve(who, { cost: "0.1", tokens: 0 });
    await ledger().settle(who, id, { ...CALL, cost: "0.2", promptTokens: 5 });
    expect(await ledger().budget(who)).toMatchObject({
      spent: { cost: "0.6", tokens: 15, calls: 2 },
      reserved: { cost: "0.1", tokens: 0, calls: 1 },
    });
    await expectBalanced(opened.store, who.tenant);
  });

  test("the budgets of session, user and tenant hold together: one refuses, none reserves", async () => {
    const who = newSession();
    const { tenant, user } = who;
    await ledger().setBudget(who, { calls: 10 });
    await ledger().setBudget({ tenant, user }, { calls: 10 });
    await ledger().setBudget({ tenant }, { calls: 1 });
    await ledger().reserve(who, {});
    await expect(ledger().reserve({ ...who, user: "bob" }, {})).rejects.toMatchObject({
      details: { scope: "tenant" },
    });
    await expect(ledger().reserve(who, {})).rejects.toMatchObject({ details: { scope: "tenant" } });
    for (const scope of [who, { tenant, user }, { tenant }]) {
      expect((await ledger().budget(scope))?.reserved).toMatchObject({ calls: 1 });
    }
    expect(await ledger().removeBudget({ tenant })).toBe(true);
    expect(await ledger().removeBudget({ tenant })).toBe(false);
    expect(await ledger().budget({ tenant })).toBeUndefined();
    await ledger().reserve({ ...who, user: "bob" }, {});
  });

  test("64 reservers at once cannot overspend together", async () => {
    const who = newSession();
    await ledger().setBudget({ tenant: who.tenant }, { cost: "1" });
    const one = ledger();
    const sharing = Array.from({ length: 64 }, () => one.reserve(who, { cost: "0.1" }));
    expect(await countGranted(sharing)).toBe(10);
    expect((await ledger().budget({ tenant: who.tenant }))?.remaining).toEqual({ cost: "0" });
  });

  test("64 reservers on separate ledgers cannot overspend either, while others record calls without a reservation", async () => {
    const who = newSession();
    await ledger().setBudget(who, { calls: 20 });
    const recording = Promise.all(Array.from({ length: 10 }, () => ledger().record(who, CALL)));
    const reserving = Array.from({ length: 64 }, (_, index) =>
      ledger().reserve({ ...who, run: `r${index}` }, {}),
    );
    const reserved = await countGranted(reserving);
    await recording;
    expect(reserved).toBeGreaterThanOrEqual(10);
    expect(reserved).toBeLessThanOrEqual(20);
    const budget = await ledger().budget(who);
    expect(budget?.reserved.calls).toBe(reserved);
    await expect(ledger().reserve(who, {})).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
  });

  test("a reservation that is overdue is dropped by the next one, and its late settling still books, once", async () => {
    const who = newSession();
    let now = Date.now();
    const timed = ledger(() => now);
    await timed.setBudget(who, { calls: 1 });
    const { id, expiresAt } = await timed.reserve(who, { ttlMs: 1000 });
    expect(expiresAt).toEqual(new Date(now + 1000));
    now += 999;
    await expect(timed.reserve(who, {})).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    now += 1;
    await timed.reserve(who, { id: "next" });
    const late = await timed.settle(who, id, { ...CALL, cost: "2" });
    const again = await timed.settle(who, id, { ...CALL, cost: "2" });
    expect([late.duplicate, again.duplicate]).toEqual([false, true]);
    await expect(timed.settle(who, id, { ...CALL, cost: "3" })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    expect(await timed.budget(who)).toMatchObject({
      spent: { calls: 1, cost: "2" },
      reserved: { calls: 1 },
      remaining: { calls: 0 },
    });
  });

  test("a reservation is made once under an id, and freed by release", async () => {
    const who = newSession();
    await ledger().setBudget(who, { calls: 1 });
    const first = await ledger().reserve(who, { id: "r" });
    expect(await ledger().reserve(who, { id: "r" })).toEqual(first);
    expect(await ledger().release(who, "r")).toBe(true);
    expect(await ledger().release(who, "r")).toBe(false);
    await ledger().reserve(who, { id: "other" });
    await ledger().settle(who, "other", CALL);
    expect(await ledger().reserve(who, { id: "other" })).toMatchObject({ id: "other", settled: true });
    expect((await ledger().budget(who))?.reserved).toEqual({ tokens: 0, cost: "0", calls: 0 });
  });

  test("a reservation's id is its session's own: nobody else gets it, frees it or settles it", async () => {
    const ann = newSession();
    const others = [
      { ...ann, session: "s2" },
      { ...ann, user: "bob" },
    ];
    await ledger().setBudget({ tenant: ann.tenant }, { tokens: 10 });
    await ledger().reserve(ann, { id: "turn-1", tokens: 10 });
    for (const other of others) {
      await expect(ledger().reserve(other, { id: "turn-1", tokens: 10 })).rejects.toMatchObject({
        code: "BUDGET_EXCEEDED",
      });
      expect(await ledger().release(other, "turn-1")).toBe(false);
      expect((await ledger().settle(other, "turn-1", CALL)).duplicate).toBe(false);
    }
    expect((await ledger().budget({ tenant: ann.tenant }))?.reserved.tokens).toBe(10);
    expect((await ledger().reserve(ann, { id: "turn-1", tokens: 10 })).settled).toBe(false);
  });

  test("the same id with other amounts is a conflict, and what a budget lost is held again", async () => {
    const who = newSession();
    await ledger().setBudget(who, { tokens: 100 });
    await ledger().setBudget({ tenant: who.tenant }, { tokens: 100 });
    await ledger().reserve(who, { id: "r", tokens: 10 });
    await expect(ledger().reserve(who, { id: "r", tokens: 90 })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    await ledger().removeBudget({ tenant: who.tenant });
    await ledger().setBudget({ tenant: who.tenant }, { tokens: 100 });
    await ledger().reserve(who, { id: "r", tokens: 10 });
    for (const scope of [who, { tenant: who.tenant }]) {
      expect((await ledger().budget(scope))?.reserved.tokens).toBe(10);
    }
  });

  test("a call that somebody recorded already frees its reservation all the same", async () => {
    const who = newSession();
    await ledger().setBudget(who, { tokens: 20 });
    await ledger().reserve(who, { id: "r", tokens: 10 });
    const call = { ...CALL, promptTokens: 10, responseId: "resp-1" };
    await ledger().record(who, call);
    expect((await ledger().settle(who, "r", call)).duplicate).toBe(true);
    expect(await ledger().budget(who)).toMatchObject({ spent: { tokens: 10 }, reserved: { tokens: 0 } });
    expect((await ledger().reserve(who, { id: "r", tokens: 10 })).settled).toBe(true);
  });

  test("a budget may count from now, and a change of its limits changes nothing else", async () => {
    const who = newSession();
    await ledger().record(who, { ...CALL, cost: "5" });
    expect((await ledger().setBudget(who, { cost: "1", fromNow: true })).remaining).toEqual({ cost: "1" });
    await ledger().reserve(who, { cost: "0.25" });
    expect(await ledger().setBudget(who, { cost: "2" })).toMatchObject({
      spent: { cost: "0" },
      remaining: { cost: "1.75" },
    });
    expect(await ledger().setBudget(who, { cost: "9", fromNow: false })).toMatchObject({
      spent: { cost: "5" },
    });
  });

  test("over an unreliable connection nothing is reserved twice under an id, and every call is recorded once", async () => {
    const who = newSession();
    await ledger().setBudget(who, { calls: 12 });
    const unreliable = createLedger(losingAnswers(opened.store, { requests: 0.1, replies: 0.1 }));
    await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const { id } = await untilKnown(() => unreliable.reserve(who, { id: `r${index}` }));
        if (index % 2 === 0) await untilKnown(() => unreliable.settle(who, id, CALL));
      }),
    );
    expect(await ledger().budget(who)).toMatchObject({
      spent: { calls: 6 },
      reserved: { calls: 6 },
      remaining: { calls: 0 },
    });
  });
});

onSharedStores((opened) => {
  test("processes cannot overspend together", async () => {
    const who = newSession();
    await createLedger(opened.store).setBudget({ tenant: who.tenant }, { cost: "2", calls: 1000 });
    // Together they ask for more than there is.
    const counts = await inProcesses<number>(
      isSoak ? 8 : 4,
      opened.url,
      { who },
      `
      import { createLedger } from "groundstate/ledger";
      const ledger = createLedger(store);
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, () => ledger.reserve({ ...args.who, user: "user" + me }, { cost: "0.1" })),
      );
      const strange = results.filter(({ reason }) => reason !== undefined && reason.code !== "BUDGET_EXCEEDED");
      if (strange.length > 0) throw strange[0].reason;
      console.log(results.filter(({ status }) => status === "fulfilled").length);
    `,
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20);
  });
});
