import { expect, test } from "vitest";
import { maintenanceScope } from "../../src/index.js";
import { createLedger } from "../../src/typed/ledger/index.js";
import { expectBalanced } from "./ledger-accounts.js";
import { losingAnswers } from "./lost-answers.js";
import { newSession, onEveryStore } from "./stores.js";

const CALL = { provider: "p", model: "m", cost: "1", promptTokens: 1 };

onEveryStore((opened) => {
  test("accounts outlive their session", async () => {
    const who = newSession();
    const ledger = createLedger(opened.store);
    await opened.store.save({ eventId: "x", identity: who, kind: "note", bytes: Buffer.alloc(0) });
    await ledger.record({ ...who, run: "r1" }, CALL);
    await opened.store.erase(who);
    expect(await ledger.totals({ ...who, run: "r1" })).toMatchObject({ cost: "1" });
    expect(await ledger.entries(who)).toHaveLength(1);
  });

  test("forget removes what names a session, and no sum changes", async () => {
    const tenant = newSession().tenant;
    const who = { tenant, user: "ann", session: "secret-session" };
    const ledger = createLedger(opened.store);
    const at = new Date("2026-01-01T10:00Z");
    for (let index = 0; index < 120; index++) {
      await ledger.record(
        { ...who, run: `secret-run-${index % 3}` },
        {
          ...CALL,
          at,
          responseId: `secret-response-${index}`,
          eventId: `secret-event-${index}`,
          turn: index,
          tags: { team: "a" },
        },
      );
    }
    await ledger.record({ ...who, session: "other" }, { ...CALL, at });
    await ledger.setBudget(who, { calls: 1 });
    const by = ["provider", "model", "day", "user", { tag: "team" }] as const;
    const sums = () => Promise.all(by.map((name) => ledger.summarize({ tenant }, { by: name })));
    const before = await sums();

    expect(await ledger.forget(who)).toBe(120);

    expect(await sums()).toEqual(before);
    expect(await ledger.entries(who)).toEqual([]);
    expect((await ledger.totals(who)).calls).toBe(0);
    expect(await ledger.budget(who)).toBeUndefined();
    const bySession = [
      { key: null, cost: "120" },
      { key: "other", user: "ann", cost: "1" },
    ];
    expect(await ledger.summarize({ tenant }, { by: "session" })).toMatchObject({
      groups: bySession,
      total: { cost: "121" },
    });
    const morning = { since: new Date("2026-01-01T09:00Z"), until: new Date("2026-01-01T11:00Z") };
    expect(await ledger.summarize({ tenant }, { by: "session", ...morning })).toMatchObject({
      groups: bySession,
    });
    const scope = maintenanceScope({ reason: "looks for what was to be forgotten", tenant });
    for (const { kind, bytes, identity } of await opened.store.listKind(scope, "ledger.")) {
      expect(`${kind} ${Buffer.from(bytes)} ${JSON.stringify(identity)}`).not.toContain("secret");
    }
    await expectBalanced(opened.store, tenant);
    expect(await ledger.forget(who)).toBe(0);
  });

  test("a late retry of what was forgotten is a duplicate, and names nothing again", async () => {
    const who = newSession();
    const ledger = createLedger(opened.store);
    const call = { ...CALL, eventId: "e1", responseId: "resp-1" };
    await ledger.record(who, call);
    await ledger.forget(who);
    const { duplicate, entry } = await ledger.record(who, call);
    expect(duplicate).toBe(true);
    expect(entry).not.toHaveProperty("session");
    expect((await ledger.record(who, { ...call, cost: "2" })).duplicate).toBe(true);
    expect(await ledger.entries(who)).toEqual([]);
    expect((await ledger.totals({ tenant: who.tenant })).calls).toBe(1);
  });

  test("a settled reservation is forgotten with the rest: settled again, it is a duplicate", async () => {
    const who = { ...newSession(), session: "secret-session" };
    const ledger = createLedger(opened.store);
    await ledger.setBudget(who, { calls: 5 });
    await ledger.reserve(who, { id: "secret-reservation" });
    await ledger.settle(who, "secret-reservation", CALL);
    await ledger.forget(who);
    expect((await ledger.settle(who, "secret-reservation", { ...CALL, cost: "9" })).duplicate).toBe(true);
    expect((await ledger.totals({ tenant: who.tenant })).cost).toBe("1");
    const scope = maintenanceScope({ reason: "looks for what was to be forgotten", tenant: who.tenant });
    for (const { kind, bytes } of await opened.store.listKind(scope, "ledger.")) {
      expect(`${kind} ${Buffer.from(bytes)}`).not.toContain("secret");
    }
    // A call of another session under the same ids is another call.
    const other = await ledger.record({ ...who, session: "s2" }, { ...CALL, eventId: "secret-reservation" });
    expect(other.duplicate).toBe(false);
    await expectBalanced(opened.store, who.tenant);
  });

  test("the ids that a call was sent again under are forgotten too", async () => {
    const who = newSession();
    const ledger = createLedger(opened.store);
    const call = { ...CALL, responseId: "resp-1" };
    await ledger.setBudget(who, { calls: 5 });
    await ledger.reserve(who, { id: "r" });
    await ledger.record(who, call);
    expect((await ledger.record(who, { ...call, eventId: "agent" })).duplicate).toBe(true);
    expect((await ledger.settle(who, "r", call)).duplicate).toBe(true);
    await expectBalanced(opened.store, who.tenant);

    await ledger.forget(who);

    const scope = maintenanceScope({ reason: "looks for digests", tenant: who.tenant });
    const markers = await opened.store.listKind(scope, "ledger.seen/");
    expect(markers).toHaveLength(3);
    for (const { bytes } of markers)
      expect(JSON.parse(Buffer.from(bytes).toString())).not.toHaveProperty("content");
    expect((await ledger.record(who, { ...CALL, eventId: "agent" })).duplicate).toBe(true);
    expect((await ledger.settle(who, "r", CALL)).duplicate).toBe(true);
    expect((await ledger.record(who, { ...call, eventId: "late" })).duplicate).toBe(true);
    expect((await ledger.record(who, { ...CALL, eventId: "late", cost: "9" })).duplicate).toBe(true);
    expect((await ledger.totals({ tenant: who.tenant })).calls).toBe(1);
    await expectBalanced(opened.store, who.tenant);
  });

  test("interrupted by a bad line, and beside calls that are still recorded, it comes out right", async () => {
    const who = newSession();
    const ledger = createLedger(opened.store);
    const unreliable = createLedger(losingAnswers(opened.store, { requests: 0.2, replies: 0.2 }));
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => ledger.record(who, { ...CALL, eventId: `e${index}` })),
    );
    const recording = Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        ledger.record({ ...who, run: "late" }, { ...CALL, eventId: `late${index}` }),
      ),
    );
    for (let finished = false; !finished; ) {
      await unreliable.forget(who).then(
        () => {
          finished = true;
        },
        (error) => expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN" }),
      );
    }
    await recording;
    await expectBalanced(opened.store, who.tenant);
    expect((await ledger.totals({ tenant: who.tenant })).cost).toBe("90");
  });
});
