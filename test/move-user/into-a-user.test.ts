import { expect, test } from "vitest";
import { newEventId } from "../../src/index.js";
import { moveUser, type UserData } from "../../src/move-user/index.js";
import { Collection, Journal } from "../../src/typed.js";
import { writeAsBefore } from "../sessions/rig.js";
import { onEveryStore } from "../typed/stores.js";
import { collect, newVisitor, useEverything, wrappersOn } from "./visitor.js";

const CALL = { provider: "p", model: "m", promptTokens: 10, cost: "0.5" };

onEveryStore((opened) => {
  test("sums, budgets and reservations of both add up exactly", async () => {
    const { ledger } = wrappersOn(opened.store);
    const { visitor, member } = newVisitor();
    const { tenant } = visitor;
    await ledger.setBudget({ tenant }, { cost: "100" });
    await ledger.setBudget(member, { cost: "10" });
    await ledger.setBudget(member, { name: "daily", cost: "9", every: "day" });
    await ledger.setBudget(visitor, { cost: "1.5" });
    await ledger.setBudget(visitor, { name: "hourly", calls: 50, rollingMs: 3_600_000 });
    await ledger.setBudget({ ...visitor, session: "v" }, { calls: 9 });
    for (const [user, session, times] of [
      [visitor, "v", 2],
      [member, "w", 3],
    ] as const)
      for (let n = 0; n < times; n++)
        await ledger.record({ ...user, session }, { ...CALL, eventId: `e-${n}` });
    await ledger.reserve({ ...visitor, session: "v" }, { id: "h", cost: "0.25", calls: 1 });
    const whole = await ledger.totals({ tenant });
    await moveUser(opened.store, visitor, member.user);
    expect(await ledger.totals({ tenant })).toEqual(whole);
    expect(await ledger.totals(member)).toMatchObject({ calls: 5, cost: "2.5", promptTokens: 50 });
    expect(await ledger.totals(visitor)).toMatchObject({ calls: 0, cost: "0" });
    const budgets = await collect(ledger.budgets(member));
    expect(
      budgets.map(({ name, spent, reserved }) => [name, spent.cost, spent.calls, reserved.cost]),
    ).toEqual(
      expect.arrayContaining([
        [undefined, "2.5", 5, "0.25"],
        ["daily", "2.5", 5, "0.25"],
        ["hourly", "2.5", 5, "0.25"],
      ]),
    );
    expect(await ledger.budget({ ...member, session: "v" })).toMatchObject({
      spent: { calls: 2 },
      reserved: { calls: 1 },
    });
    expect(await collect(ledger.budgets(visitor))).toEqual([]);
    expect(await ledger.budget({ tenant })).toMatchObject({
      spent: { cost: "2.5" },
      reserved: { cost: "0.25" },
    });
    // The reservation is settled under the new user.
    await ledger.settle({ ...member, session: "v" }, "h", { ...CALL, cost: "0.25" });
    expect(await ledger.budget({ tenant })).toMatchObject({
      spent: { cost: "2.75" },
      reserved: { cost: "0" },
    });
    expect(await ledger.budget(member)).toMatchObject({ spent: { cost: "2.75" }, reserved: { cost: "0" } });
  });

  test("a call that is sent again is known, under the new name and under the old", async () => {
    const all = wrappersOn(opened.store);
    const { sessions, ledger, approvals } = all;
    const { visitor, member } = newVisitor();
    await useEverything(all, visitor, "s");
    await moveUser(opened.store, visitor, member.user);
    const [old, now] = [
      { ...visitor, session: "s" },
      { ...member, session: "s" },
    ];
    const again = {
      eventId: "e-r",
      provider: "p",
      model: "m",
      promptTokens: 7,
      cost: "0.25",
      tags: { t: "x" },
    };
    for (const who of [old, now])
      expect(await ledger.record({ ...who, run: "r" }, again)).toMatchObject({ duplicate: true });
    expect(await ledger.totals(member)).toMatchObject({ cost: "0.5", calls: 2 });
    expect(await ledger.totals(visitor)).toMatchObject({ calls: 0 });
    expect(await sessions.append(now, { id: "m-3", value: "three" })).toEqual({
      duplicate: true,
      numbers: [3],
    });
    await expect(sessions.append(old, { id: "m-3", value: "three" })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    const request = { id: "a-1", tool: "mail", arguments: { id: "a-1" }, run: "r" };
    expect(await approvals.request(now, request)).toMatchObject({ duplicate: true });
    await expect(approvals.request(old, request)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await sessions.sessionState(now).set("step", 1, { eventId: "set-1" })).toMatchObject({
      duplicate: true,
    });
    // And goes on: the next number, the next status.
    expect(await sessions.append(now, { id: "m-4", value: "four" })).toEqual({
      duplicate: false,
      numbers: [4],
    });
    await approvals.decide(now, "a-1", { decision: "deny", by: "boss" });
    expect((await approvals.list({ tenant: now.tenant }, { status: "denied" })).approvals).toMatchObject([
      { identity: now },
    ]);
  });

  test("events that were trimmed, taken back or edited before are not known under the new name", async () => {
    const { sessions } = wrappersOn(opened.store);
    const { visitor, member } = newVisitor();
    const [old, now] = [
      { ...visitor, session: "s" },
      { ...member, session: "s" },
    ];
    const events = ["trimmed", "replaced", "redacted", "kept", "taken back"].map((id) => ({ id, value: id }));
    await sessions.create(old);
    await sessions.append(old, events);
    await sessions.pop(old);
    await sessions.replace(old, { number: 2, value: "new", eventId: "edit" });
    await sessions.redact(old, 3, { by: "boss", reason: "personal" });
    await sessions.trim(old, { upTo: 1 });
    const before = await sessions.read(old);
    await moveUser(opened.store, visitor, member.user);
    expect(await sessions.read(now)).toEqual(before);
    // Under the old name nothing happens, and an edit is known under the new one too.
    for (const event of events)
      await expect(sessions.append(old, event)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await sessions.replace(now, { number: 2, value: "new", eventId: "edit" })).toMatchObject({
      duplicate: true,
    });
    const duplicates = [];
    for (const event of events) duplicates.push((await sessions.append(now, event)).duplicate);
    expect(duplicates).toEqual([false, false, false, true, false]);
  });

  test("what is written for the old user afterwards is moved by the next call", async () => {
    const all = wrappersOn(opened.store);
    const { visitor, member } = newVisitor();
    await useEverything(all, visitor, "s");
    await moveUser(opened.store, visitor, member.user);
    await all.approvals.request({ ...visitor, session: "s" }, { id: "late", tool: "t", arguments: {} });
    await all.ledger.record({ ...visitor, session: "s" }, { ...CALL, eventId: "late" });
    await all.sessions.create({ ...visitor, session: "s-2" });
    expect(await moveUser(opened.store, visitor, member.user)).toMatchObject({
      approvals: 1,
      entries: 1,
      sessions: 1,
    });
    expect(await all.approvals.get({ ...member, session: "s" }, "late")).toMatchObject({ status: "pending" });
    expect(await all.ledger.totals(member)).toMatchObject({ cost: "1" });
  });

  test("audit entries of deleted sessions, and sessions of older versions, move too", async () => {
    const all = wrappersOn(opened.store);
    const { visitor, member } = newVisitor();
    const { tenant } = visitor;
    for (const session of ["gone", "old"]) {
      const who = { ...visitor, session };
      await all.sessions.create(who);
      await all.sessions.append(who, { value: session });
      await all.approvals.request(who, { id: session, tool: "t", arguments: { session } });
      await all.approvals.decide(who, session, { decision: "approve", by: "boss" });
    }
    await all.approvals.claim({ ...visitor, session: "gone" }, "gone", {
      tool: "t",
      arguments: { session: "gone" },
    });
    await all.sessions.delete({ ...visitor, session: "gone" });
    await writeAsBefore(opened.store, { ...visitor, session: "old" });
    await moveUser(opened.store, visitor, member.user);
    const audit = (await all.approvals.audit({ tenant })).entries;
    expect(audit.map(({ identity, arguments: asked }) => [identity.user, asked])).toEqual(
      expect.arrayContaining([
        ["member", { session: "gone" }],
        ["member", { session: "old" }],
      ]),
    );
    expect(audit.length).toBe(2);
    expect((await all.sessions.list(member)).sessions.map(({ identity }) => identity.session)).toEqual([
      "old",
    ]);
    expect(await all.sessions.read({ ...member, session: "old" })).toMatchObject([{ value: "old" }]);
  });

  test("data of a third party takes part: as it is, or as it says", async () => {
    const { store } = opened;
    const { visitor, member } = newVisitor();
    const notes = new Collection<string>(store, "note");
    const log = new Journal<string>(store, "log");
    const [old, now] = [
      { ...visitor, session: "s" },
      { ...member, session: "s" },
    ];
    await notes.put(old, "a", "first", { eventId: newEventId() });
    await log.append(old, [{ id: "l-1", value: "one" }]);
    const byTenant = new Collection<string>(store, "note.by-user");
    const tenant = { tenant: visitor.tenant, user: "index", session: "index" };
    await byTenant.put(tenant, "visitor", "a");
    const data: UserData = {
      name: "notes",
      records: [
        {
          kind: "note/",
          isCounted: true,
          alongside: async (transaction, _, { from, to }) => {
            transaction.delete(byTenant.at(tenant, from.user));
            await transaction.set(byTenant.at(tenant, to.user), "a");
          },
        },
      ],
    };
    expect(await moveUser(store, visitor, member.user, { data: [data] })).toMatchObject({
      others: { notes: 1 },
    });
    expect(await notes.get(now, "a")).toBe("first");
    expect((await byTenant.keys(tenant)).map(({ id }) => id)).toEqual(["member"]);
    expect(await log.append(now, [{ id: "l-1", value: "one" }])).toEqual({ duplicate: true, numbers: [1] });
    expect(await log.append(now, [{ id: "l-2", value: "two" }])).toEqual({ duplicate: false, numbers: [2] });
  });
});
