import { expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore, newEventId, type StateStore, tenantIdentity, userIdentity } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { digestOf } from "../../src/typed/names.js";
import { soak } from "../soak.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { expectBalanced } from "./accounts.js";

const CALL = { provider: "p", model: "m" };
const HOLDS = 400;

/** Counts the holds, and the entries in the queues of budgets. */
async function countRecords(store: StateStore, who: { tenant: string; user: string }) {
  const under = [tenantIdentity(who.tenant), userIdentity(who.tenant, who.user)];
  const found = under.flatMap((owner) =>
    ["ledger.due/", "ledger.hold/"].map((prefix) => store.list(owner, prefix)),
  );
  return (await Promise.all(found)).flat().length;
}

/** A budget of an older version, with inline holds. */
function budgetWithInlineHolds(open: readonly { id: string; until: number }[]): Uint8Array {
  const from = { calls: 0, unpricedCalls: 0, cost: "0" };
  const tokens = { promptTokens: 0, completionTokens: 0, cachedReadTokens: 0, cachedWriteTokens: 0 };
  const holds = open.map((hold) => ({ ...hold, amounts: { tokens: 0, cost: "0", calls: 1 } }));
  return Buffer.from(JSON.stringify({ limits: { calls: 5 }, from: { ...from, ...tokens }, open: holds }));
}

test("a budget's record does not grow with what it holds back, in 4 KiB too", async () => {
  const store = createStore(await openMemory(), { maxBytes: 4096 });
  const ledger = createLedger(store);
  const who = newSession();
  const count = Math.min(20_000, soak(1000));
  await ledger.setBudget(who, { calls: count });
  await ledger.setBudget({ tenant: who.tenant }, { calls: 1e6 });
  const made = [];
  for (let n = 0; n < count; n += 500)
    made.push(...(await Promise.all(Array.from({ length: 500 }, () => ledger.reserve(who, {})))));
  expect((await ledger.budget(who))?.reserved.calls).toBe(count);
  await expect(ledger.reserve(who, {})).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
  const budgets = await store.list(userIdentity(who.tenant, who.user), "ledger.budget/");
  expect(Math.max(...budgets.map(({ bytes }) => bytes.length))).toBeLessThan(1000);
  await Promise.all(made.slice(0, 100).map(({ id }) => ledger.settle(who, id, CALL)));
  await Promise.all(made.slice(100).map(({ id }) => ledger.release(who, id)));
  expect(await ledger.budget(who)).toMatchObject({ spent: { calls: 100 }, reserved: { calls: 0 } });
  expect(await countRecords(store, who)).toBe(0);
});

onEveryStore((opened) => {
  const timed = () => {
    const clock = { now: Date.now() };
    return { clock, ledger: createLedger(opened.store, { clock: () => clock.now }) };
  };

  test("many overdue reservations are freed in pieces, as many as stand in the way", async () => {
    const { clock, ledger } = timed();
    const who = newSession();
    await ledger.setBudget(who, { calls: HOLDS });
    await ledger.setBudget({ tenant: who.tenant }, { calls: 1e6 });
    await Promise.all(Array.from({ length: HOLDS }, () => ledger.reserve(who, { ttlMs: 1000 })));
    clock.now += 1000;
    // Overdue reservations do not count, whether or not they were freed.
    expect((await ledger.budget(who))?.reserved.calls).toBe(0);
    await ledger.reserve(who, {});
    expect(await countRecords(opened.store, who)).toBeGreaterThan(HOLDS);
    await ledger.reserve(who, { calls: HOLDS - 1 });
    await expect(ledger.reserve(who, {})).rejects.toMatchObject({
      code: "BUDGET_EXCEEDED",
      message: expect.stringContaining(`limit ${HOLDS}, spent 0, reserved ${HOLDS}, requested 1`),
      details: { reserved: HOLDS },
    });
    expect((await ledger.budget({ tenant: who.tenant }))?.reserved.calls).toBe(HOLDS);
    // Two reservations, each in two budgets.
    expect(await countRecords(opened.store, who)).toBe(2 * 3);
  });

  test("a budget that is removed keeps the reservations of others, and set again it holds none of its own", async () => {
    const { ledger } = timed();
    const who = newSession();
    for (const scope of [who, { tenant: who.tenant }]) await ledger.setBudget(scope, { calls: 1000 });
    const made = await Promise.all(Array.from({ length: 250 }, () => ledger.reserve(who, {})));
    expect(await ledger.removeBudget(who)).toBe(true);
    await ledger.setBudget(who, { calls: 1000 });
    expect((await ledger.budget(who))?.reserved.calls).toBe(0);
    expect((await ledger.budget({ tenant: who.tenant }))?.reserved.calls).toBe(250);
    await Promise.all(made.map(({ id }) => ledger.release(who, id)));
    expect((await ledger.budget({ tenant: who.tenant }))?.reserved.calls).toBe(0);
    expect(await countRecords(opened.store, who)).toBe(0);
  });

  test("reservations at the same time as overdue ones are freed never overspend together", async () => {
    const { clock, ledger } = timed();
    const who = newSession();
    const other = createLedger(opened.store, { clock: () => clock.now });
    await ledger.setBudget(who, { calls: 40 });
    await Promise.all(Array.from({ length: 40 }, () => ledger.reserve(who, { ttlMs: 10 })));
    clock.now += 10;
    const results = await Promise.allSettled(
      Array.from({ length: 80 }, (_, n) => (n % 2 === 0 ? ledger : other).reserve(who, {})),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(40);
    expect((await ledger.budget(who))?.reserved.calls).toBe(40);
    expect(await countRecords(opened.store, who)).toBe(40 * 2);
  });

  test("reservations that lie inside a budget's record count, are found by their id, freed and forgotten", async () => {
    const { clock, ledger } = timed();
    const who = newSession();
    const prefix = digestOf(who.user, who.session);
    const held = ["a", "b", "c", "late"].map((id) => ({
      id: `${prefix}/${id}`,
      until: clock.now + (id === "late" ? 0 : 60_000),
    }));
    await opened.store.save({
      eventId: newEventId(),
      identity: tenantIdentity(who.tenant),
      kind: "ledger.budget/tenant",
      bytes: budgetWithInlineHolds(held),
    });
    const of = { tenant: who.tenant };
    expect((await ledger.budget(of))?.reserved.calls).toBe(3);
    expect((await ledger.reserve(who, { id: "a" })).expiresAt).toEqual(new Date(clock.now + 60_000));
    await expect(ledger.reserve(who, { id: "a", calls: 2 })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    await ledger.reserve(who, { id: "new", calls: 2 });
    await expect(ledger.reserve(who, {})).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    expect(await ledger.release(who, "b")).toBe(true);
    await ledger.settle(who, "a", CALL);
    expect(await ledger.budget(of)).toMatchObject({ spent: { calls: 1 }, reserved: { calls: 3 } });
    await ledger.forget(who);
    expect((await ledger.budget(of))?.reserved.calls).toBe(0);
  });
});

onEveryStore((opened) => {
  const timed = () => {
    const clock = { now: Date.now() };
    return { clock, ledger: createLedger(opened.store, { clock: () => clock.now }) };
  };
  const listed = async (reservations: AsyncIterable<{ readonly id: string }>) => {
    const ids = [];
    for await (const { id } of reservations) ids.push(id);
    return ids.sort();
  };

  test("a call that is still running keeps its reservation, as long as it says so in time", async () => {
    const { clock, ledger } = timed();
    const who = newSession();
    await ledger.setBudget(who, { calls: 1 });
    await ledger.setBudget({ tenant: who.tenant }, { calls: 10 });
    const { id, expiresAt } = await ledger.reserve(who, { ttlMs: 1000 });
    // A shorter time than is left changes nothing.
    expect((await ledger.extend(who, id, { ttlMs: 1 }))?.expiresAt).toEqual(expiresAt);
    for (let beat = 0; beat < 5; beat++) {
      clock.now += 999;
      expect((await ledger.extend(who, id, { ttlMs: 1000 }))?.expiresAt).toEqual(new Date(clock.now + 1000));
      await expect(ledger.reserve(who, {})).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    }
    clock.now += 1000;
    expect(await ledger.extend(who, id)).toBeUndefined();
    await ledger.reserve(who, { id: "next" });
    await ledger.settle(who, "next", CALL);
    expect(await ledger.extend(who, "next")).toBeUndefined();
    await expect(ledger.extend(who, id, { ttlMs: 0 })).rejects.toMatchObject({ details: { field: "ttlMs" } });
    await expect(ledger.extend(who, "")).rejects.toMatchObject({ details: { field: "reservationId" } });
    expect(await countRecords(opened.store, who)).toBe(0);
  });

  test("reservations that are extended while their budget is removed leave nothing behind", async () => {
    const { clock, ledger } = timed();
    const who = newSession();
    const other = createLedger(opened.store, { clock: () => clock.now });
    await ledger.setBudget(who, { calls: 100 });
    const made = await Promise.all(Array.from({ length: 20 }, () => ledger.reserve(who, { ttlMs: 1000 })));
    await Promise.all([
      ...made.map(({ id }) => other.extend(who, id, { ttlMs: 5000 })),
      ledger.removeBudget(who),
    ]);
    await Promise.all(made.map(({ id }) => ledger.release(who, id)));
    expect(await countRecords(opened.store, who)).toBe(0);
  });

  test("the reservations that are held are listed by run, session, user and tenant, with whose they are", async () => {
    const { clock, ledger } = timed();
    const who = newSession();
    const { tenant, user } = who;
    await ledger.setBudget({ tenant }, { calls: 100 });
    await ledger.reserve({ ...who, run: "r1" }, { id: "a" });
    await ledger.reserve(who, { id: "b", ttlMs: 10 });
    await ledger.reserve({ ...who, session: "s2" }, { id: "c" });
    await ledger.reserve({ ...who, user: "bob" }, { id: "d" });
    const since = clock.now;
    for await (const reservation of ledger.reservations({ ...who, run: "r1" }))
      expect(reservation).toEqual({
        identity: { ...who, run: "r1" },
        id: "a",
        amounts: { calls: 1 },
        reservedAt: new Date(since),
        expiresAt: new Date(since + 600_000),
      });
    expect(await listed(ledger.reservations({ ...who, run: "r1" }))).toEqual(["a"]);
    expect(await listed(ledger.reservations(who))).toEqual(["a", "b"]);
    expect(await listed(ledger.reservations({ tenant, user }))).toEqual(["a", "b", "c"]);
    expect(await listed(ledger.reservations({ tenant }))).toEqual(["a", "b", "c", "d"]);
    expect(await listed(ledger.reservations({ tenant: `${tenant}-2` }))).toEqual([]);
    clock.now += 10;
    await ledger.release({ ...who, session: "s2" }, "c");
    expect(await listed(ledger.reservations({ tenant }))).toEqual(["a", "d"]);
  });

  test("a reservation says what it uses of everything that is limited, and 0 says it too", async () => {
    const { ledger } = timed();
    const who = newSession();
    await ledger.setBudget(who, { cost: "1" });
    await ledger.setBudget({ tenant: who.tenant }, { tokens: 10 });
    for (const [field, amounts] of [
      ["cost", {}],
      ["cost", { tokens: 1 }],
      ["tokens", { cost: "0" }],
    ] as const)
      await expect(ledger.reserve(who, amounts)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
    await ledger.reserve(who, { cost: "0", tokens: 0 });
    expect(await listed(ledger.reservations(who))).toHaveLength(1);
  });

  test("a call without a price is charged what was reserved for it, until it gets its price", async () => {
    const { ledger } = timed();
    const who = newSession();
    const { tenant } = who;
    await ledger.setBudget(who, { cost: "1" });
    await ledger.setBudget({ tenant }, { cost: "10", every: "month" });
    const spent = async () =>
      Promise.all([who, { tenant }].map(async (scope) => (await ledger.budget(scope))?.spent.cost));
    const { id } = await ledger.reserve(who, { cost: "0.4" });
    const { entry } = await ledger.settle(who, id, CALL);
    expect(entry).toMatchObject({ cost: "0", priced: false, charged: "0.4" });
    expect(await spent()).toEqual(["0.4", "0.4"]);
    expect(await ledger.totals(who)).toMatchObject({ cost: "0", charged: "0.4", unpricedCalls: 1 });
    await expect(ledger.reserve(who, { cost: "0.7" })).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
    expect((await ledger.settle(who, id, CALL)).duplicate).toBe(true);
    await ledger.adjust(who, entry.id, { reason: "price list", to: { cost: "0.25" } });
    expect(await spent()).toEqual(["0.25", "0.25"]);
    const { charged, cost, unpricedCalls } = await ledger.totals(who);
    expect([charged, cost, unpricedCalls]).toEqual([undefined, "0.25", 0]);
    await expectBalanced(opened.store, tenant);
    expect(await ledger.forget(who)).toBe(2);
    await expectBalanced(opened.store, tenant);
  });
});
