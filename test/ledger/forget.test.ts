import { expect, test } from "vitest";
import { maintenanceScope, newEventId, type StateRecord, userIdentity } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { digestOf } from "../../src/typed/names.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { newSession, onEveryStore, onSharedStores } from "../typed/stores.js";
import { wholeDatabase } from "../typed/whole-database.js";
import { expectBalanced } from "./accounts.js";

const CALL = { provider: "p", model: "m", cost: "1", promptTokens: 1 };

onEveryStore((opened) => {
  test("entries and sums outlive their session", async () => {
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

  test("an entry that was sent under very many ids is forgotten with all of them", async () => {
    const who = newSession();
    const other = { ...who, session: "s2" };
    const ledger = createLedger(opened.store);
    const call = { ...CALL, responseId: "resp-1" };
    await ledger.record(who, call);
    for (const sender of [who, other])
      await Promise.all(
        Array.from({ length: 170 }, (_, n) => ledger.record(sender, { ...call, eventId: `e${n}` })),
      );
    const scope = maintenanceScope({ reason: "looks at entries", tenant: who.tenant });
    const [entry] = await opened.store.listKind(scope, "ledger.entry/");
    expect(entry?.bytes.length).toBeLessThan(500);

    expect(await ledger.forget(who)).toBe(1);

    for (const { bytes } of await opened.store.listKind(scope, "ledger.seen/"))
      expect(Buffer.from(bytes).toString()).not.toContain("content");
    expect(await opened.store.listKind(scope, "ledger.also/")).toEqual([]);
    for (const sender of [who, other]) {
      const again = await ledger.record(sender, { ...CALL, eventId: "e169", cost: "7" });
      expect(again.duplicate).toBe(true);
    }
    await expectBalanced(opened.store, who.tenant);
  });

  test("a session that only sent again what another recorded is forgotten too, and the other is not", async () => {
    const who = newSession();
    const other = { ...who, session: "s2" };
    const ledger = createLedger(opened.store);
    const call = { ...CALL, responseId: "resp-1" };
    await ledger.record(who, call);
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => ledger.record(other, { ...call, eventId: `e${n}` })),
    );
    expect(await ledger.forget(other)).toBe(0);
    const scope = maintenanceScope({ reason: "looks for digests", tenant: who.tenant });
    const records = await opened.store.listKind(scope, "ledger.");
    for (const { kind, bytes } of records)
      expect(`${kind} ${Buffer.from(bytes)}`).not.toContain(digestOf("s2"));
    const withContent = records.filter(({ bytes }) => Buffer.from(bytes).toString().includes("content"));
    expect(withContent).toHaveLength(1);
    expect(await ledger.entries(who)).toHaveLength(1);
    expect(
      (await ledger.record(other, { ...call, eventId: "e7", cost: "9" }).catch((e) => e)).duplicate,
    ).toBe(true);
    expect(await ledger.forget(who)).toBe(1);
    expect(await opened.store.listKind(scope, "ledger.also/")).toEqual([]);
    await expectBalanced(opened.store, who.tenant);
  });

  test("what an entry listed of such ids before is forgotten in pieces", async () => {
    const who = newSession();
    const ledger = createLedger(opened.store);
    await ledger.record(who, { ...CALL, eventId: "own" });
    const scope = maintenanceScope({ reason: "writes as it was", tenant: who.tenant });
    const [record] = await opened.store.listKind(scope, "ledger.entry/");
    const { identity, kind } = record as StateRecord;
    const entry = JSON.parse(Buffer.from((record as StateRecord).bytes).toString());
    const alsoUnder = Array.from({ length: 300 }, (_, n) => digestOf("event", "s1", `e${n}`));
    const bytes = Buffer.from(JSON.stringify({ ...entry, alsoUnder }));
    await opened.store.save({ eventId: newEventId(), identity, kind, bytes });
    expect(await ledger.forget(who)).toBe(1);
    expect((await ledger.record(who, { ...CALL, eventId: "e299" })).duplicate).toBe(true);
    await expectBalanced(opened.store, who.tenant);
  });

  test("a user is forgotten, and every sum of the tenant stays", async () => {
    const { tenant } = newSession();
    const [ann, bob] = ["secret-ann", "bob"].map((user) => ({ tenant, user, session: "secret-session" }));
    if (ann === undefined || bob === undefined) throw new Error("two users");
    const ledger = createLedger(opened.store);
    const at = new Date("2026-01-01T10:00Z");
    for (let index = 0; index < 70; index++) {
      const ids = { responseId: `secret-response-${index}`, eventId: `secret-event-${index}` };
      await ledger.record({ ...ann, run: `secret-run-${index % 3}` }, { ...CALL, at, ...ids });
    }
    await ledger.record({ ...ann, session: "s2" }, { ...CALL, at, responseId: "secret-response-1" });
    await ledger.record(
      { ...ann, session: "s2" },
      { ...CALL, at, responseId: "secret-response-1", eventId: "e" },
    );
    await ledger.record(bob, { ...CALL, at });
    for (const scope of [ann, { tenant, user: ann.user }, { tenant }])
      await ledger.setBudget(scope, { calls: 999 });
    await Promise.all(Array.from({ length: 40 }, () => ledger.reserve(ann, {})));
    await ledger.reserve(bob, {});
    const morning = { since: new Date("2026-01-01T09:00Z"), until: new Date("2026-01-01T11:00Z") };
    const sums = () =>
      Promise.all(
        (["provider", "model", "day"] as const).flatMap((by) =>
          [{}, morning].map((period) => ledger.summarize({ tenant }, { by, ...period })),
        ),
      );
    const before = await sums();

    expect(await ledger.forgetUser({ tenant, user: ann.user })).toBe(70);

    expect(await sums()).toEqual(before);
    for (const period of [{}, morning]) {
      expect(await ledger.summarize({ tenant }, { by: "user", ...period })).toMatchObject({
        groups: [
          { key: null, cost: "70" },
          { key: "bob", cost: "1" },
        ],
      });
      const { groups } = await ledger.summarize({ tenant }, { by: "session", ...period });
      expect(groups).toMatchObject([
        { key: null, cost: "70" },
        { user: "bob", cost: "1" },
      ]);
    }
    expect((await ledger.totals({ tenant })).calls).toBe(71);
    expect((await ledger.totals({ tenant, user: ann.user })).calls).toBe(0);
    expect((await ledger.budget({ tenant }))?.reserved.calls).toBe(1);
    expect(await opened.store.list(userIdentity(tenant, ann.user), "")).toEqual([]);
    const scope = maintenanceScope({ reason: "looks for what was to be forgotten", tenant });
    const names = [
      ann.user,
      digestOf(ann.user),
      digestOf(ann.user, "secret-session"),
      "secret-run",
      "secret-r",
    ];
    for (const { kind, bytes, identity } of await opened.store.listKind(scope, "ledger."))
      for (const name of names)
        if (identity.user !== "bob")
          expect(`${kind} ${Buffer.from(bytes)} ${JSON.stringify(identity)}`).not.toContain(name);
    await expectBalanced(opened.store, tenant);
    expect(await ledger.forgetUser({ tenant, user: ann.user })).toBe(0);
  });

  test("a user is forgotten while calls and reservations of theirs go on, over an unreliable connection", async () => {
    const who = newSession();
    const user = { tenant: who.tenant, user: who.user };
    const ledger = createLedger(opened.store);
    const unreliable = createLedger(losingAnswers(opened.store, { requests: 0.2, replies: 0.2 }));
    await ledger.setBudget({ tenant: who.tenant }, { calls: 1000 });
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => ledger.record(who, { ...CALL, eventId: `e${index}` })),
    );
    const recording = Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        await ledger.record({ ...who, run: "late" }, { ...CALL, responseId: `late${index % 20}` });
        await ledger.reserve(who, {});
      }),
    );
    for (let finished = false; !finished; ) {
      await unreliable.forgetUser(user).then(
        () => {
          finished = true;
        },
        (error) => expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN" }),
      );
    }
    await recording;
    await expectBalanced(opened.store, who.tenant);
    await ledger.forgetUser(user);
    await expectBalanced(opened.store, who.tenant);
    expect(await opened.store.list(userIdentity(who.tenant, who.user), "")).toEqual([]);
    expect((await ledger.budget({ tenant: who.tenant }))?.reserved.calls).toBe(0);
    const { groups } = await ledger.summarize({ tenant: who.tenant }, { by: "user" });
    expect(groups).toHaveLength(1);
    expect(groups[0]?.key).toBeNull();
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

  test("interrupted by an unreliable connection, while calls are recorded, it ends in the right state", async () => {
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

onSharedStores((opened) => {
  test("nothing in the database names a session that was forgotten, or could confirm a guess of its names", async () => {
    const { tenant } = newSession();
    const who = { tenant, user: "ann", session: "secret-session" };
    const other = { ...who, session: "other" };
    const ledger = createLedger(opened.store);
    for (const scope of [who, { tenant, user: "ann" }, { tenant }])
      await ledger.setBudget(scope, { calls: 99 });
    await ledger.record({ ...who, run: "secret-run" }, { ...CALL, responseId: "secret-answer", turn: 1 });
    await ledger.record(other, { ...CALL, responseId: "secret-answer", eventId: "e1" });
    await ledger.record(other, { ...CALL, responseId: "others-answer" });
    await ledger.record(who, { ...CALL, responseId: "others-answer", eventId: "secret-event" });
    await ledger.reserve(who, { id: "secret-open" });
    await ledger.reserve(who, { id: "secret-settled" });
    await ledger.settle(who, "secret-settled", CALL);

    const names = ["secret-", "ann", ...[digestOf("secret-session"), digestOf("secret-run")]];
    const digests = [digestOf("ann", "secret-session"), digestOf("hold", "secret-session", "secret-open")];
    const before = await wholeDatabase(opened.url);
    expect([...names, ...digests].filter((name) => before.includes(name))).toContain(
      digestOf("secret-session"),
    );

    await ledger.forget(who);

    const after = await wholeDatabase(opened.url);
    const left = [...names, ...digests].filter((name) => after.includes(name));
    expect(left).toEqual(["ann"]);
    // Of the ids of its calls only what makes a late retry a duplicate: no digest of what they held.
    expect((after.match(/"content"/g) ?? []).length).toBe(1);
  });
});
