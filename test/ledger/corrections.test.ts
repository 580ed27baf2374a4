import { describe, expect, test } from "vitest";
import { type Correction, createLedger, type Usage } from "../../src/ledger/index.js";
import { losingAnswers, untilKnown } from "../typed/lost-answers.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { expectBalanced } from "./accounts.js";

const CALL = { provider: "p", model: "m", promptTokens: 10 };

onEveryStore((opened) => {
  const ledger = () => createLedger(opened.store);
  const totalOf = (who: object): Promise<Usage> => ledger().totals(who as never);

  describe("adjust refuses", () => {
    const why = { reason: "r" };
    test.each<[string, string, object]>([
      ["no reason", "reason", { to: { cost: "1" } }],
      ["an empty reason", "reason", { reason: "", to: { cost: "1" } }],
      ["neither differences nor values", "to", why],
      ["both", "to", { ...why, by: { cost: "1" }, to: { cost: "1" } }],
      ["a value it does not know", "to", { ...why, to: { dollars: 1 } }],
      ["a right value below 0", "cost", { ...why, to: { cost: "-1" } }],
      ["half a token", "promptTokens", { ...why, by: { promptTokens: 0.5 } }],
      ["to take more than there is", "cost", { ...why, by: { cost: "-0.51" } }],
      ["to take more tokens than there are", "promptTokens", { ...why, by: { promptTokens: -11 } }],
      ["to take units that there are not", "units.images", { ...why, by: { units: { images: -1 } } }],
      ["another currency", "currency", { ...why, to: { cost: "1", currency: "EUR" } }],
      ["a currency of a difference", "currency", { ...why, by: { cost: "1", currency: "EUR" } }],
      ["an empty event id", "eventId", { ...why, to: { cost: "1" }, eventId: "" }],
    ])("%s", async (_, field, wrong) => {
      const who = newSession();
      const { entry } = await ledger().record(who, { ...CALL, cost: "0.5" });
      await expect(ledger().adjust(who, entry.id, wrong as Correction)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
      expect((await totalOf(who)).cost).toBe("0.5");
      expect(await ledger().entries(who)).toEqual([entry]);
    });

    test("an entry of another session, user or tenant, an unknown one, and a correction", async () => {
      const who = newSession();
      const { entry } = await ledger().record(who, CALL);
      const to: Correction = { reason: "r", to: { cost: "1" } };
      for (const other of [
        { ...who, session: "s2" },
        { ...who, user: "bob" },
        newSession(),
        { ...who, run: "r" },
      ])
        await expect(ledger().adjust(other, entry.id, to)).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(ledger().adjust(who, "unknown", to)).rejects.toMatchObject({ code: "NOT_FOUND" });
      const { correction } = await ledger().adjust(who, entry.id, to);
      await expect(ledger().adjust(who, correction?.id ?? "", to)).rejects.toMatchObject({
        details: { field: "entry" },
      });
    });
  });

  test("a wrong price is corrected in every sum and budget, and what was recorded stays", async () => {
    const who = { ...newSession(), run: "r" };
    const { tenant, user } = who;
    await ledger().setBudget({ tenant }, { cost: "10" });
    await ledger().setBudget({ tenant, model: "m" }, { cost: "10", every: "month" });
    const given = { ...CALL, cost: "76.16", responseId: "r1", tags: { team: "search" } };
    const { entry } = await ledger().record(who, given);
    const reserving = { cost: "0.01", model: "m" };
    await expect(ledger().reserve(who, reserving)).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    const fixed = await ledger().adjust({ tenant, user }, entry.id, {
      reason: "price of a million",
      to: { cost: "0.00007616" },
    });
    expect(fixed).toMatchObject({
      duplicate: false,
      entry: { id: entry.id, cost: "76.16", corrected: { cost: "0.00007616", promptTokens: 10 } },
      correction: { adjusts: entry.id, reason: "price of a million", cost: "-76.15992384", promptTokens: 0 },
    });
    await ledger().reserve(who, reserving);
    for (const scope of [who, { tenant, user }, { tenant }])
      expect(await totalOf(scope)).toMatchObject({ calls: 1, promptTokens: 10, cost: "0.00007616" });
    const { groups } = await ledger().summarize({ tenant }, { by: { tag: "team" } });
    expect(groups).toMatchObject([{ key: "search", calls: 1, cost: "0.00007616" }]);
    expect((await ledger().budget({ tenant, model: "m" }))?.spent.cost).toBe("0.00007616");
    expect((await ledger().entries(who)).map(({ cost }) => cost)).toEqual(["76.16", "-76.15992384"]);
    await expectBalanced(opened.store, tenant);
  });

  test("a call without a price gets it later, once, and a refund is subtracted once under its id", async () => {
    const who = newSession();
    const { entry } = await ledger().record(who, { ...CALL, units: { images: 3 } });
    expect(await totalOf(who)).toMatchObject({ calls: 1, unpricedCalls: 1, cost: "0" });
    await expect(ledger().adjust(who, entry.id, { reason: "r", by: { cost: "1" } })).rejects.toMatchObject({
      details: { field: "cost" },
    });
    const price: Correction = { reason: "price list of May", to: { cost: "0.5", currency: "EUR" } };
    await ledger().adjust(who, entry.id, price);
    const again = await ledger().adjust(who, entry.id, price);
    expect([again.correction, again.entry.corrected?.priced]).toEqual([undefined, true]);
    const refund: Correction = {
      reason: "two images were empty",
      by: { cost: "-0.3", units: { images: -2 } },
      eventId: "refund-1",
    };
    const first = await ledger().adjust(who, entry.id, refund);
    const second = await ledger().adjust(who, entry.id, refund);
    expect([first.duplicate, second.duplicate]).toEqual([false, true]);
    expect(second.correction).toEqual(first.correction);
    await expect(ledger().adjust(who, entry.id, { ...refund, by: { cost: "-0.1" } })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    expect(await totalOf(who)).toMatchObject({
      calls: 1,
      unpricedCalls: 0,
      cost: "0",
      costs: { EUR: "0.2" },
      units: { images: 1 },
    });
    await expectBalanced(opened.store, who.tenant);
  });

  test("corrections of the same entry at the same time, over an unreliable connection, each count once", async () => {
    const who = newSession();
    const { entry } = await ledger().record(who, { ...CALL, cost: "1" });
    const ledgers = [ledger(), createLedger(losingAnswers(opened.store, { requests: 0.1, replies: 0.1 }))];
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        untilKnown(() =>
          (ledgers[n % 2] as (typeof ledgers)[0]).adjust(who, entry.id, {
            reason: "part",
            by: { cost: "-0.05", promptTokens: n === 0 ? -10 : 0 },
            eventId: `part-${n}`,
          }),
        ),
      ),
    );
    expect(await totalOf(who)).toMatchObject({ calls: 1, promptTokens: 0, cost: "0" });
    expect(await ledger().entries(who)).toHaveLength(21);
    await expectBalanced(opened.store, who.tenant);
  });

  test("a correction counts in the period of its call, and is forgotten with it", async () => {
    const who = newSession();
    const { tenant, user } = who;
    const now = Date.parse("2026-03-02T00:00:00Z");
    const timed = createLedger(opened.store, { clock: () => now });
    await timed.setBudget({ tenant }, { cost: "9", every: "month", fromNow: false });
    const { entry } = await timed.record(who, { ...CALL, cost: "5", at: new Date("2026-03-01T00:00:00Z") });
    await timed.adjust(who, entry.id, { reason: "for ada", by: { cost: "-2" }, eventId: "e" });
    expect((await timed.budget({ tenant }))?.spent.cost).toBe("3");
    const { groups } = await timed.summarize({ tenant }, { by: "day" });
    expect(groups).toMatchObject([{ key: "2026-03-01", cost: "3" }]);
    await timed.forget(who);
    await timed.adjust({ tenant, user }, entry.id, { reason: "more", by: { cost: "-1" } });
    await timed.forgetUser({ tenant, user });
    const after = await timed.adjust({ tenant }, entry.id, { reason: "more", by: { cost: "-1" } });
    expect(after.entry).toMatchObject({ user: "~", corrected: { cost: "1" } });
    expect((await timed.budget({ tenant }))?.spent.cost).toBe("1");
    await expectBalanced(opened.store, tenant);
  });
});

onEveryStore((opened) => {
  const open = () => createLedger(opened.store);
  const ANSWER = { provider: "p", model: "m", responseId: "resp-1" };

  test("what a gateway and an agent know of the same answer is one entry, in every sum and budget, in either order", async () => {
    const gateway = {
      ...ANSWER,
      promptTokens: 100,
      cachedReadTokens: 5,
      cost: "0.5",
      tags: { region: "eu" },
    };
    const agent = { ...ANSWER, completionTokens: 7, turn: 3, runName: "nightly", tags: { team: "search" } };
    for (const order of [
      [gateway, agent],
      [agent, gateway],
    ]) {
      const who = newSession();
      const { tenant } = who;
      await open().setBudget(
        { tenant, tags: { team: "search" } },
        { cost: "1", every: "month", warnAt: [0.5] },
      );
      const receipts = [];
      for (const call of [...order, ...order]) receipts.push(await open().record(who, call));
      expect(receipts.map(({ duplicate }) => duplicate)).toEqual([false, true, true, true]);
      const merged = {
        promptTokens: 100,
        completionTokens: 7,
        cachedReadTokens: 5,
        cost: "0.5",
        priced: true,
        turn: 3,
        runName: "nightly",
        tags: { region: "eu", team: "search" },
      };
      expect(receipts.at(-1)?.entry).toMatchObject(merged);
      expect(await open().entries(who)).toMatchObject([merged]);
      expect(receipts[1]?.warnings).toMatchObject([{ share: 0.5, spent: "0.5" }]);
      expect(await open().totals({ tenant })).toMatchObject({ calls: 1, unpricedCalls: 0, tokens: 112 });
      expect((await open().budget({ tenant, tags: { team: "search" } }))?.spent).toMatchObject({
        cost: "0.5",
        calls: 1,
      });
      await expectBalanced(opened.store, tenant);
    }
  });

  test.each<[string, object]>([
    ["model", { model: "n" }],
    ["promptTokens", { promptTokens: 11 }],
    ["cost", { cost: "0.2" }],
    ["currency", { cost: "0.1", currency: "EUR" }],
    ["units.images", { units: { images: 2 } }],
    ["turn", { turn: 2 }],
    ["runName", { runName: "other" }],
    ["tags.team", { tags: { team: "sales" } }],
  ])(
    "an answer whose %s contradicts what is known is refused by this name, and changes nothing",
    async (field, wrong) => {
      const who = newSession();
      const known = { cost: "0.1", turn: 1, runName: "n", tags: { team: "search" }, units: { images: 1 } };
      const call = { ...ANSWER, promptTokens: 10, ...known };
      const { entry } = await open().record(who, call);
      await expect(
        open().record({ ...who, session: "gateway" }, { ...ANSWER, completionTokens: 9, ...wrong }),
      ).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT", details: { field } });
      expect(await open().entries(who)).toEqual([entry]);
      await expectBalanced(opened.store, who.tenant);
    },
  );

  test("many components that know a part each, at once, make one entry of all", async () => {
    const who = newSession();
    await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        open().record(
          { ...who, session: `s${n % 3}` },
          {
            ...ANSWER,
            ...(n === 5 ? { cost: "1" } : {}),
            ...(n === 7 ? { promptTokens: 10 } : {}),
            tags: { [`t${n}`]: "x" },
          },
        ),
      ),
    );
    expect(await open().totals({ tenant: who.tenant })).toMatchObject({
      calls: 1,
      cost: "1",
      promptTokens: 10,
    });
    const { groups } = await open().summarize({ tenant: who.tenant }, { by: { tag: "t11" } });
    expect(groups).toMatchObject([{ calls: 1, cost: "1" }]);
    await expectBalanced(opened.store, who.tenant);
  });
});
