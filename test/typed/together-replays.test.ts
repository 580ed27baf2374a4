import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { isStateError, openStore, StateError, type StateStore } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { together, type Unit } from "../../src/typed/index.js";
import { expectBalanced } from "../ledger/accounts.js";
import { untilAnswered, withMethods } from "../sessions/rig.js";
import { deferred } from "../store/store-rig.js";
import { losingAnswers } from "./lost-answers.js";
import { newSession, onEveryStore } from "./stores.js";

const CALL = { provider: "p", model: "m", cost: "1" };

const unreachable = () => new StateError("UNAVAILABLE", "no", { details: { reason: "unreachable" } });
const unknown = () => new StateError("OUTCOME_UNKNOWN", "lost", { details: {}, retryable: true });

onEveryStore((opened) => {
  const on = (store: StateStore = opened.store) => ({
    sessions: createSessions<{ n: number }>(store),
    ledger: createLedger(store),
  });
  const newSessions = async () => {
    const who = newSession();
    await on().sessions.create(who, { metadata: { n: 0 } });
    return who;
  };
  type Who = ReturnType<typeof newSession>;

  /** A step of an agent, with ids of its own. */
  const step = (store: StateStore, who: Who, id: string, calls = CALL) => {
    const { sessions, ledger } = on(store);
    return async (unit: Unit) => ({
      event: await sessions.in(unit).append(who, { id, value: id }),
      entry: await ledger.in(unit).record(who, { ...calls, eventId: id }),
      state: await sessions.in(unit).sessionState(who).set(`k-${id}`, id, { eventId: id }),
    });
  };
  /** Which of the three there are, by id. */
  const found = async (who: Who) => {
    const { sessions, ledger } = on();
    const events = (await sessions.read(who)).map(({ id }) => id);
    const entries = (await ledger.entries(who)).map(({ eventId }) => eventId);
    const state = (await sessions.sessionState(who).entries()).map(({ value }) => value);
    return { events, entries: entries.sort(), state };
  };
  const all = (...ids: string[]) => ({ events: ids, entries: ids, state: ids });
  const everyEvent = async (who: Who) => {
    const records = await Promise.all(
      [who, { ...who, session: "~" }].map((identity) =>
        opened.store.list(identity as never, "").catch(() => []),
      ),
    );
    return records.flat().map(({ eventId }) => eventId);
  };

  /** A store whose commits fail as they are told to. */
  const failing = (...script: ("do" | { before?: () => Error; after?: () => Error })[]) => {
    let commits = 0;
    const store = withMethods(opened.store, {
      commit: async (...args) => {
        const next = script[commits++] ?? "do";
        if (next !== "do" && next.before) throw next.before();
        const receipt = await opened.store.commit(...args);
        if (next !== "do" && next.after) throw next.after();
        return receipt;
      },
    });
    return { store, commits: () => commits };
  };

  describe("all or none, whatever becomes of the commit", () => {
    test("refused: nothing is there, and the same unit takes effect later", async () => {
      const who = await newSessions();
      const { store } = failing({ before: unreachable });
      await expect(together(store, step(store, who, "a"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
      expect(await found(who)).toEqual(all());
      const { event, entry, state } = await together(store, step(store, who, "a"));
      expect([event.duplicate, entry.duplicate, state.duplicate]).toEqual([false, false, false]);
      expect(await found(who)).toEqual(all("a"));
    });

    test.each([
      ["UNAVAILABLE although it took effect", [{ after: unreachable }]],
      ["OUTCOME_UNKNOWN at the last attempt", Array(6).fill({ after: unknown })],
    ])(
      "%s: the same unit again, on another store, answers as it did and writes nothing",
      async (_, script) => {
        const who = await newSessions();
        const { store } = failing(...script);
        const lost = together(store, step(store, who, "a"));
        await expect(lost).rejects.toMatchObject({ retryable: true });
        expect(await found(who)).toEqual(all("a"));
        const before = await everyEvent(who);
        const { store: other } = failing();
        const again = await together(other, step(other, who, "a"));
        expect(again).toMatchObject({
          event: { duplicate: true, numbers: [1] },
          entry: { duplicate: true, entry: { eventId: "a" } },
          state: { duplicate: true },
        });
        expect(await found(who)).toEqual(all("a"));
        expect(await everyEvent(who)).toEqual(before);
        await expectBalanced(opened.store, who.tenant);
      },
    );

    test("a lost answer is asked for again, with the same commit", async () => {
      const who = await newSessions();
      const { store, commits } = failing({ after: unknown }, { before: unknown });
      expect(await together(store, step(store, who, "a"))).toMatchObject({ event: { duplicate: false } });
      expect(commits()).toBe(3);
      expect(await found(who)).toEqual(all("a"));
    });

    test("a unit of which one call has no id is not to be sent again when nobody knows", async () => {
      const who = await newSessions();
      const { store } = failing(...Array(6).fill({ before: unknown }));
      const { sessions, ledger } = on(store);
      const lost = together(store, async (unit) => {
        await sessions.in(unit).append(who, { id: "a", value: 1 });
        await ledger.in(unit).record(who, CALL);
      });
      await expect(lost).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
    });

    test("over an unreliable connection each unit happens once; the same calls alone are caught half done (control)", async () => {
      const who = await newSessions();
      let late = Promise.resolve();
      const store = losingAnswers(opened.store, {
        requests: 0.3,
        replies: 0.3,
        late: {
          share: 0.1,
          pause: () => (late = late.then(() => new Promise((done) => setTimeout(done, 5)))),
        },
      });
      const ids = Array.from({ length: 8 }, (_, n) => `u${n}`);
      for (const id of ids) await untilAnswered(() => together(store, step(store, who, id)));
      await late;
      expect(await found(who)).toEqual(all(...ids));
      await expectBalanced(opened.store, who.tenant);

      const control = await newSessions();
      const cut = failing("do", { before: unreachable });
      const alone = on(cut.store);
      const steps = async () => {
        await alone.sessions.append(control, { id: "a", value: 1 });
        await alone.ledger.record(control, { ...CALL, eventId: "a" });
      };
      await expect(steps()).rejects.toThrow();
      expect(await found(control)).toMatchObject({ events: ["a"], entries: [] });
    });
  });

  describe("a unit of which some calls had taken effect", () => {
    test("does the others, and answers for these what they answered then", async () => {
      const who = await newSessions();
      const { sessions, ledger } = on();
      await sessions.append(who, { id: "a", value: "a" });
      await sessions.append(who, { id: "later", value: "later" });
      const made = await together(opened.store, step(opened.store, who, "a"));
      expect(made).toMatchObject({
        event: { duplicate: true, numbers: [1] },
        entry: { duplicate: false },
        state: { duplicate: false },
      });
      expect((await sessions.read(who)).map(({ id }) => id)).toEqual(["a", "later"]);
      expect((await ledger.entries(who)).map(({ eventId }) => eventId)).toEqual(["a"]);
    });

    test("but takes no effect if one of them had other content, or is half there, or was removed", async () => {
      const who = await newSessions();
      const { sessions, ledger } = on();
      await sessions.append(who, [
        { id: "a", value: 1 },
        { id: "b", value: 2 },
      ]);
      await sessions.trim(who, { upTo: 1 });
      for (const events of [
        { id: "b", value: 3 },
        [
          { id: "b", value: 2 },
          { id: "c", value: 1 },
        ],
        { id: "a", value: 1 },
      ]) {
        const unit = together(opened.store, async (unit) => {
          await ledger.in(unit).record(who, { ...CALL, eventId: "e" });
          await sessions.in(unit).append(who, events);
        });
        await expect(unit).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
      }
      expect(await ledger.entries(who)).toEqual([]);
      expect((await sessions.read(who)).map(({ value }) => value)).toEqual([2]);
    });

    test("twice the same call in one unit is one", async () => {
      const who = await newSessions();
      const { sessions } = on();
      await together(opened.store, async (unit) => {
        const first = await step(opened.store, who, "a")(unit);
        const second = await step(opened.store, who, "a")(unit);
        expect(second).toMatchObject({
          event: { duplicate: true, numbers: first.event.numbers },
          entry: { duplicate: true, entry: first.entry.entry },
          state: { duplicate: true, eventId: first.state.eventId },
        });
        const state = sessions.in(unit).sessionState(who);
        const other = { code: "IDEMPOTENCY_CONFLICT" };
        await expect(state.set("k-a", 2, { eventId: "a" })).rejects.toMatchObject(other);
        await expect(sessions.in(unit).append(who, { id: "a", value: 2 })).rejects.toMatchObject(other);
        // Only one of the two could be known when the unit comes again.
        await expect(state.set("k-a", 2, { eventId: "b" })).rejects.toMatchObject({
          code: "INVALID_RECORD",
          details: { field: "eventId" },
        });
      });
      expect(await found(who)).toEqual(all("a"));
    });
  });

  test("a replay is one also when the session was closed, or its values were overwritten, since", async () => {
    const who = await newSessions();
    const { sessions, ledger } = on();
    const unit = async (unit: Unit) => [
      await sessions.in(unit).append(who, { id: "a", value: 1 }),
      await ledger.in(unit).record(who, { ...CALL, eventId: "a" }),
      await sessions.in(unit).userState(who).set("k", 1, { eventId: "a" }),
      await sessions.in(unit).saveSummary(who, { upTo: 1, value: "s", eventId: "a" }),
    ];
    await together(opened.store, unit);
    await sessions.userState(who).set("k", 2);
    await sessions.saveSummary(who, { upTo: 1, value: "better" });
    await sessions.close(who);
    for (const { duplicate } of await together(opened.store, unit)) expect(duplicate).toBe(true);
    expect(await sessions.userState(who).get("k")).toBe(2);
    expect((await sessions.latestSummary(who))?.value).toBe("better");
  });

  test("a unit that creates a session: known when it comes again, NOT_FOUND when the session was deleted since", async () => {
    const who = newSession();
    const { sessions, ledger } = on();
    const unit = async (unit: Unit) => {
      const { duplicate } = await sessions.in(unit).create(who, { metadata: { n: 1 }, eventId: "c" });
      const { numbers } = await sessions.in(unit).append(who, { id: "a", value: 1 });
      await ledger.in(unit).record(who, { ...CALL, eventId: "a" });
      return [duplicate, numbers];
    };
    expect(await together(opened.store, unit)).toEqual([false, [1]]);
    expect(await together(opened.store, unit)).toEqual([true, [1]]);
    await expect(
      together(opened.store, (unit) => sessions.in(unit).create(who, { eventId: "other" })),
    ).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    await sessions.delete(who);
    await expect(together(opened.store, unit)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await sessions.find(who)).toBeUndefined();
    expect(await opened.store.list(who, "")).toEqual([]);
  });

  describe("with others at the same slots", () => {
    const eachOn = async (stores: readonly StateStore[], who: Who, each: number) => {
      const { sessions, ledger } = on();
      await ledger.setBudget({ tenant: who.tenant }, { calls: 1000 });
      const ids = (me: number) => Array.from({ length: each }, (_, n) => `${me}-${n}`);
      await Promise.all(
        stores.map(async (store, me) => {
          for (const id of ids(me)) await together(store, step(store, who, id));
        }),
      );
      const expected = stores.flatMap((_, me) => ids(me)).sort();
      const events = await sessions.read(who);
      expect(events.map(({ number }) => number)).toEqual(expected.map((_, n) => n + 1));
      expect(events.map(({ id }) => id).sort()).toEqual(expected);
      expect((await ledger.totals({ tenant: who.tenant })).calls).toBe(expected.length);
      expect((await ledger.budget({ tenant: who.tenant }))?.spent.calls).toBe(expected.length);
      await expectBalanced(opened.store, who.tenant);
    };

    test("eight callers of two stores on one session and one budget: each unit once, no gap, exact sums", async () => {
      const other = opened.url === "memory:" ? opened.store : await openStore(opened.url);
      try {
        const stores = Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? opened.store : other));
        await eachOn(stores, await newSessions(), 3);
      } finally {
        if (other !== opened.store) await other.close();
      }
    });

    test("the same unit at the same time happens once", async () => {
      const who = await newSessions();
      const made = await Promise.all(
        Array.from({ length: 4 }, () => together(opened.store, step(opened.store, who, "a"))),
      );
      expect(made.filter(({ event }) => !event.duplicate)).toHaveLength(1);
      for (const { event, entry, state } of made) {
        expect(event.numbers).toEqual([1]);
        expect([entry.duplicate, state.duplicate]).toEqual([event.duplicate, event.duplicate]);
      }
      expect(await found(who)).toEqual(all("a"));
    });

    test("work runs again with what is there now, and not more often than it may", async () => {
      const who = await newSessions();
      const { sessions } = on();
      let runs = 0;
      const overtaken = (times: number, attempts: number) =>
        together(
          opened.store,
          async (unit) => {
            const { numbers } = await sessions.in(unit).append(who, { value: "unit" });
            if (++runs <= times) {
              // A writer of another process, which no lock of this one holds up.
              const { sessions: elsewhere } = on(withMethods(opened.store, {}));
              await elsewhere.append(who, { value: runs });
            }
            return numbers;
          },
          { attempts },
        );
      expect(await overtaken(2, 3)).toEqual([3]);
      expect(runs).toBe(3);
      runs = 0;
      await expect(overtaken(9, 3)).rejects.toMatchObject({
        code: "UNAVAILABLE",
        details: { reason: "busy" },
      });
      expect(runs).toBe(3);
      expect((await sessions.read(who)).map(({ value }) => value)).toEqual([1, 2, "unit", 1, 2, 3]);
    });

    test("a refusal that comes of reads of two moments is none: work runs again", async () => {
      const who = await newSessions();
      const { ledger } = on();
      await ledger.setBudget({ tenant: who.tenant }, { calls: 1 });
      await ledger.reserve(who, { id: "r", calls: 1 });
      let settled = false;
      // Between the reads of the budget and of what is spent, the reservation is settled elsewhere: it counts twice.
      const store = withMethods(opened.store, {
        find: async (identity, kind, options) => {
          const record = await opened.store.find(identity, kind, options);
          if (kind === "ledger.budget/tenant" && !settled) {
            settled = true;
            await ledger.setBudget({ tenant: who.tenant }, { calls: 2 });
            await ledger.settle(who, "r", CALL);
          }
          return record;
        },
      });
      const { reservation } = await together(store, async (unit) => ({
        reservation: await createLedger(store).in(unit).reserve(who, { calls: 1 }),
      }));
      expect(reservation.amounts).toMatchObject({ calls: 1 });
      expect((await ledger.budget({ tenant: who.tenant }))?.remaining.calls).toBe(0);
    });

    test("overdue reservations that are in the way are freed", async () => {
      const who = await newSessions();
      let now = Date.UTC(2026, 0, 1);
      const ledger = createLedger(opened.store, { clock: () => now });
      await ledger.setBudget({ tenant: who.tenant }, { calls: 2 });
      await ledger.reserve(who, { calls: 1, ttlMs: 1000 });
      await ledger.reserve(who, { calls: 1, ttlMs: 1000 });
      const reserve = () => together(opened.store, (unit) => ledger.in(unit).reserve(who, { calls: 2 }));
      await expect(reserve()).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
      now += 2000;
      expect((await reserve()).amounts).toMatchObject({ calls: 2 });
      expect((await ledger.budget({ tenant: who.tenant }))?.reserved).toMatchObject({ calls: 2 });
    });

    test("a stream of other calls of the same store does not keep a unit out", async () => {
      const who = await newSessions();
      const { sessions, ledger } = on();
      let isOver = false;
      const streams = [1, 2, 3, 4].map(async () => {
        while (!isOver) await Promise.all([sessions.append(who, { value: 0 }), ledger.record(who, CALL)]);
      });
      try {
        for (let n = 0; n < 5; n++)
          await together(opened.store, step(opened.store, who, `u${n}`), { attempts: 20 });
      } finally {
        isOver = true;
        await Promise.all(streams);
      }
      await expectBalanced(opened.store, who.tenant);
    });
  });

  test("a unit that meets another at work takes its turn: no work is done twice", async () => {
    const who = await newSessions();
    const { sessions } = on();
    const gate = deferred<void>();
    const began = { update: deferred<void>(), unit: deferred<void>() };
    const ran = { update: 0, unit: 0 };
    const update = sessions.sessionState(who).update("count", async (count) => {
      ran.update++;
      began.update.resolve();
      await gate.promise;
      return Number(count ?? 0) + 1;
    });
    await began.update.promise;
    const made = together(opened.store, async (unit) => {
      ran.unit++;
      began.unit.resolve();
      await sessions
        .in(unit)
        .sessionState(who)
        .update("count", (count) => Number(count ?? 0) + 1);
    });
    await began.unit.promise;
    await Promise.race([made, sleep(50)]);
    gate.resolve();
    await Promise.all([update, made]);
    expect(await sessions.sessionState(who).get("count")).toBe(2);
    expect(ran).toEqual({ update: 1, unit: 1 });
  });

  test("calls of its own beside the unit's are refused when they stand in its way; those of others are not", async () => {
    const who = await newSessions();
    const { sessions, ledger } = on();
    const others: Promise<unknown>[] = [];
    for (const [alone, inUnit] of [
      [() => ledger.record(who, CALL), (unit: Unit) => ledger.in(unit).record(who, CALL)],
      [() => sessions.append(who, { value: 1 }), (unit: Unit) => sessions.in(unit).append(who, { value: 2 })],
    ] as const) {
      const beside = together(opened.store, async (unit) => {
        await inUnit(unit);
        await alone();
      });
      others.push(ledger.record(who, CALL));
      await expect(beside).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field: "work" } });
    }
    await Promise.all(others);
  });

  test("isStateError tells what together throws", async () => {
    const who = newSession();
    const missing = await together(opened.store, (unit) => on().sessions.in(unit).touch(who)).catch((e) => e);
    expect(isStateError(missing, "NOT_FOUND")).toBe(true);
  });
});
