import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { isStateError, openStore, type StateStore } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { Collection, together, transact, type Unit } from "../../src/typed/index.js";
import { expectBalanced } from "../ledger/accounts.js";
import { withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore } from "./stores.js";

const CALL = { provider: "p", model: "m", cost: "1", promptTokens: 10 };
const RECEIPT = { duplicate: false, numbers: [1] };

onEveryStore((opened) => {
  const on = (store: StateStore = opened.store) => ({
    sessions: createSessions<{ n: number }>(store),
    ledger: createLedger(store),
  });
  const opens = async () => {
    const { sessions, ledger } = on();
    const who = newSession();
    await sessions.create(who, { metadata: { n: 0 } });
    return { sessions, ledger, who };
  };
  /** What is there of a session. */
  const found = async (who: ReturnType<typeof newSession>) => ({
    events: (await on().sessions.read(who)).map(({ value }) => value),
    calls: (await on().ledger.totals({ tenant: who.tenant })).calls,
  });
  const refused = (field: string) => ({ code: "INVALID_RECORD", details: { field } });

  describe("misuse is refused, and nothing is written", () => {
    test("wrong arguments", async () => {
      const work = async () => {};
      await expect(together({} as never, work)).rejects.toMatchObject(refused("store"));
      await expect(together(opened.store, "work" as never)).rejects.toMatchObject(refused("work"));
      for (const options of [{ attempts: 0 }, { attempts: undefined }, { signal: 1 }])
        await expect(together(opened.store, work, options as never)).rejects.toMatchObject(
          refused(Object.keys(options)[0] as string),
        );
      await expect(together(opened.store, work, { turn: 1 } as never)).rejects.toMatchObject(
        refused("options"),
      );
      for (const unit of [undefined, {}, opened.store])
        expect(() => on().sessions.in(unit as never)).toThrow("unit must be");
    });

    test("a wrapper on another store", async () => {
      const other = await openStore("memory:");
      try {
        const using = together(opened.store, async (unit) => on(other).sessions.in(unit));
        await expect(using).rejects.toMatchObject(refused("unit"));
        const recording = together(other, async (unit) => on().ledger.in(unit));
        await expect(recording).rejects.toMatchObject(refused("unit"));
      } finally {
        await other.close();
      }
    });

    test("a unit after its end, also through what it gave before", async () => {
      const { sessions, ledger, who } = await opens();
      let kept: Unit | undefined;
      const keep = async (unit: Unit) => {
        kept = unit;
        return { events: sessions.in(unit), accounts: ledger.in(unit) };
      };
      const { events, accounts } = await together(opened.store, keep);
      expect(() => sessions.in(kept as Unit)).toThrow("unit must be used before");
      await expect(events.append(who, { value: 1 })).rejects.toMatchObject(refused("unit"));
      await expect(accounts.record(who, CALL)).rejects.toMatchObject(refused("unit"));
      await expect(
        together(opened.store, async (unit) => {
          kept = unit;
          throw new Error("no");
        }),
      ).rejects.toThrow("no");
      expect(() => sessions.in(kept as Unit)).toThrow("unit must be used before");
      expect(await found(who)).toEqual({ events: [], calls: 0 });
    });

    test("a unit in another, of whatever store", async () => {
      const { sessions, who } = await opens();
      const nested = together(opened.store, async (unit) => {
        await sessions.in(unit).append(who, { value: 1 });
        await nextTurn();
        await together(opened.store, async (inner) => sessions.in(inner).append(who, { value: 2 }));
      });
      await expect(nested).rejects.toMatchObject(refused("work"));
      expect(await found(who)).toMatchObject({ events: [] });
      // What a unit began, and left behind, may have a unit of its own afterwards.
      let later: Promise<unknown> | undefined;
      await together(opened.store, async () => {
        later = sleep(20).then(() =>
          together(opened.store, (unit) => sessions.in(unit).append(who, { value: 3 })),
        );
      });
      expect(await later).toEqual(RECEIPT);
    });

    test("two tenants", async () => {
      const [one, other] = [await opens(), await opens()];
      const both = together(opened.store, async (unit) => {
        await one.sessions.in(unit).append(one.who, { value: 1 });
        await one.ledger.in(unit).record(other.who, CALL);
      });
      await expect(both).rejects.toMatchObject(refused("tenant"));
      expect([await found(one.who), await found(other.who)]).toEqual(Array(2).fill({ events: [], calls: 0 }));
    });

    test("calls that nobody awaits", async () => {
      const { sessions, ledger, who } = await opens();
      const careless = together(opened.store, async (unit) => {
        void sessions
          .in(unit)
          .append(who, { value: 1 })
          .catch(() => {});
        void ledger
          .in(unit)
          .record(who, CALL)
          .catch(() => {});
      });
      await expect(careless).rejects.toMatchObject(refused("work"));
      expect(await found(who)).toEqual({ events: [], calls: 0 });
    });

    test("a call of the unit within a call of the unit", async () => {
      const { sessions, who } = await opens();
      const within = together(opened.store, async (unit) => {
        await sessions.in(unit).changeMetadata(who, async ({ n }) => {
          await sessions.in(unit).append(who, { value: n });
          return { n: n + 1 };
        });
      });
      await expect(within).rejects.toMatchObject(refused("work"));
      expect((await sessions.get(who)).metadata).toEqual({ n: 0 });
    });

    test("inputs that may not be, as by the methods alone; work may go on without them", async () => {
      const { sessions, ledger, who } = await opens();
      await together(opened.store, async (unit) => {
        const events = sessions.in(unit);
        const accounts = ledger.in(unit);
        const calls: [() => Promise<unknown>, string][] = [
          [() => events.append(who, []), "entries"],
          [() => events.append({ ...who, run: "r" } as never, { value: 1 }), "run"],
          [() => events.append(who, { value: Number.NaN }), "value"],
          [() => events.create(who, { signal: undefined } as never), "options"],
          [() => events.saveSummary(who, { upTo: 1, value: 1 }), "upTo"],
          [() => events.saveSummary(who, { upTo: 1, value: 1 }, { signal: undefined } as never), "options"],
          [() => events.sessionState(who).set("", 1), "key"],
          [() => accounts.record(who, { ...CALL, model: "" }), "model"],
          [() => accounts.reserve(who, { calls: -1 }), "calls"],
          [() => accounts.settle(who, "", CALL), "reservationId"],
        ];
        for (const [call, field] of calls) await expect(call()).rejects.toMatchObject(refused(field));
        await events.append(who, { value: "after all" });
      });
      expect(await found(who)).toEqual({ events: ["after all"], calls: 0 });
    });

    test("more changes than a commit has room for", async () => {
      const { sessions, who } = await opens();
      const large = together(opened.store, async (unit) => {
        for (let n = 0; n < 21; n++)
          await sessions.in(unit).append(
            who,
            Array.from({ length: 200 }, () => ({ value: n })),
          );
      });
      await expect(large).rejects.toMatchObject(refused("changes"));
      expect(await found(who)).toMatchObject({ events: [] });
    });
  });

  test("calls of several wrappers are one commit", async () => {
    const { who } = await opens();
    let commits = 0;
    const store = withMethods(opened.store, {
      commit: (...args) => {
        commits++;
        return opened.store.commit(...args);
      },
    });
    const { sessions, ledger } = on(store);
    const receipts = await together(store, async (unit) => [
      await sessions.in(unit).append(who, { id: "a", value: 1 }),
      (await ledger.in(unit).record(who, { ...CALL, eventId: "a" })).duplicate,
      await sessions
        .in(unit)
        .sessionState(who)
        .update("k", (n) => ((n as number) ?? 0) + 1),
    ]);
    expect(receipts).toEqual([RECEIPT, false, 1]);
    expect(commits).toBe(1);
    expect(await found(who)).toEqual({ events: [1], calls: 1 });
    expect(await sessions.sessionState(who).get("k")).toBe(1);
    await expectBalanced(opened.store, who.tenant);
  });

  test("work that does nothing, or only fails, writes nothing", async () => {
    const { sessions, who } = await opens();
    const before = await sessions.get(who);
    expect(await together(opened.store, () => 7)).toBe(7);
    const failing = together(opened.store, async (unit) => {
      await sessions.in(unit).append(who, { value: 1 });
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    const thrown = together(opened.store, () => {
      throw new Error("at once");
    });
    await expect(thrown).rejects.toThrow("at once");
    expect(await sessions.get(who)).toEqual(before);
    expect(await found(who)).toEqual({ events: [], calls: 0 });
  });

  describe("calls see what those before them wrote", () => {
    test("numbers follow on, also of calls that are made at once", async () => {
      const { sessions, who } = await opens();
      await sessions.append(who, { value: 0 });
      const numbers = await together(opened.store, async (unit) => {
        const events = sessions.in(unit);
        const one = await events.append(who, { value: 1 });
        const more = await Promise.all([2, 3, 4].map((value) => events.append(who, { value })));
        return [one, ...more].map((receipt) => receipt.numbers);
      });
      expect(numbers).toEqual([[2], [3], [4], [5]]);
      expect((await found(who)).events).toEqual([0, 1, 2, 3, 4]);
    });

    test("a budget counts each call, and a reservation that does not fit is refused alone", async () => {
      const { ledger, who } = await opens();
      await ledger.setBudget({ tenant: who.tenant }, { cost: "3", calls: 10 });
      const outcome = await together(opened.store, async (unit) => {
        const accounts = ledger.in(unit);
        await accounts.record(who, CALL);
        await accounts.record(who, CALL);
        const reserved = accounts.reserve(who, { cost: "2" });
        const code = await reserved.catch((error) => (isStateError(error) ? error.code : error));
        await accounts.reserve(who, { id: "r", cost: "1" });
        await accounts.settle(who, "r", CALL);
        return code;
      });
      expect(outcome).toBe("BUDGET_EXCEEDED");
      expect(await ledger.budget({ tenant: who.tenant })).toMatchObject({
        spent: { cost: "3", calls: 3 },
        reserved: { cost: "0", calls: 0 },
      });
      await expectBalanced(opened.store, who.tenant);
    });

    test("a session that the unit creates takes events, state, a summary and a close", async () => {
      const { sessions } = on();
      const who = newSession();
      const made = await together(opened.store, async (unit) => {
        const events = sessions.in(unit);
        await events.create(who, { metadata: { n: 1 } });
        await events.append(who, [{ value: 1 }, { value: 2 }, { value: 3 }]);
        await events.sessionState(who).set("k", "v");
        await events.userState(who).set("k", "u");
        await events.tenantState(who.tenant).set("k", "t");
        await events.saveSummary(who, { upTo: 2, value: "both" }, { trim: true });
        await events.changeMetadata(who, ({ n }) => ({ n: n + 1 }));
        await events.close(who);
        await expect(events.append(who, { value: 4 })).rejects.toMatchObject({ code: "SESSION_CLOSED" });
        await events.reopen(who);
        await events.touch(who);
        return events.close(who);
      });
      expect(await sessions.get(who)).toEqual(made);
      expect(made).toMatchObject({ status: "closed", metadata: { n: 2 } });
      expect((await sessions.list(who)).sessions).toEqual([made]);
      expect((await sessions.read(who)).map(({ number, value }) => [number, value])).toEqual([[3, 3]]);
      expect(await sessions.latestSummary(who)).toMatchObject({ upTo: 2, value: "both" });
      const states = [
        sessions.sessionState(who),
        sessions.userState(who),
        sessions.tenantState(who.tenant),
      ].map((state) => state.get("k"));
      expect(await Promise.all(states)).toEqual(["v", "u", "t"]);
    });

    test("state: conditions hold against the unit's own writes", async () => {
      const { sessions, who } = await opens();
      const state = sessions.sessionState(who);
      const { eventId: old } = await state.set("k", 0);
      await together(opened.store, async (unit) => {
        const mine = sessions.in(unit).sessionState(who);
        const { eventId } = await mine.set("k", 1, { expect: old });
        await mine.set("k", 2, { expect: eventId });
        for (const expected of [old, eventId, null])
          await expect(mine.set("k", 9, { expect: expected })).rejects.toMatchObject({
            code: "CONDITION_FAILED",
          });
        expect(await mine.update("k", (n) => (n as number) + 1)).toBe(3);
        expect(await mine.delete("gone")).toBe(false);
      });
      expect(await state.get("k")).toBe(3);
      const late = together(opened.store, (unit) =>
        sessions.in(unit).sessionState(who).set("k", 1, { expect: old }),
      );
      await expect(late).rejects.toMatchObject({ code: "CONDITION_FAILED" });
    });

    test("a summary with trim of more events than one commit removes", async () => {
      const { sessions, who } = await opens();
      const many = Array.from({ length: 150 }, (_, value) => ({ value }));
      await sessions.append(who, many);
      await together(opened.store, async (unit) => {
        await sessions.in(unit).append(who, many);
        await sessions.in(unit).saveSummary(who, { upTo: 299, value: "all" }, { trim: true });
      });
      expect((await sessions.read(who)).map(({ number }) => number)).toEqual([300]);
      expect(await opened.store.list(who, "session.events/", { bytes: false })).toHaveLength(1);
    });
  });

  test("a call that rejects has written nothing, and the others take effect", async () => {
    const { sessions, ledger, who } = await opens();
    const other = { ...who, session: "missing" };
    await together(opened.store, async (unit) => {
      await ledger.in(unit).record(who, { ...CALL, eventId: "e" });
      await expect(sessions.in(unit).append(other, { value: 1 })).rejects.toMatchObject({
        code: "NOT_FOUND",
      });
      const conflicting = ledger.in(unit).record(who, { ...CALL, cost: "2", eventId: "e" });
      await expect(conflicting).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
      const broken = sessions.in(unit).changeMetadata(who, () => Promise.reject(new Error("no")));
      await expect(broken).rejects.toThrow("no");
      await sessions.in(unit).append(who, { value: 2 });
    });
    expect(await found(who)).toEqual({ events: [2], calls: 1 });
    expect(await opened.store.list(other, "")).toEqual([]);
    await expectBalanced(opened.store, who.tenant);
  });

  test("a call that was begun and rejects leaves what the unit wrote to its slots before", async () => {
    const { sessions, who } = await opens();
    const notes = new Collection<number>(opened.store, "note");
    await transact(opened.store, async (transaction) => {
      await transaction.set(notes.at(who, "a"), 1);
      const failing = transaction.allOrNothing(async () => {
        await transaction.set(notes.at(who, "a"), 2);
        transaction.delete(notes.at(who, "b"));
        await transaction.set(notes.at(who, "c"), Number.NaN);
      });
      await expect(failing).rejects.toMatchObject(refused("value"));
      expect(await transaction.get(notes.at(who, "a"))).toBe(1);
    });
    expect((await notes.list(who)).map(({ id, value }) => [id, value])).toEqual([["a", 1]]);
    expect(await sessions.find(who)).toBeDefined();
  });

  test("an abort rejects with the reason, before and while work runs", async () => {
    const { sessions, who } = await opens();
    const unreached = () => expect.unreachable("it began");
    const before = together(opened.store, unreached, { signal: AbortSignal.abort("before") });
    await expect(before).rejects.toBe("before");
    const control = new AbortController();
    const aborted = together(
      opened.store,
      async (unit) => {
        await sessions.in(unit).append(who, { value: 1 });
        control.abort("meanwhile");
        await nextTurn();
      },
      { signal: control.signal },
    );
    await expect(aborted).rejects.toBe("meanwhile");
    await nextTurn();
    expect((await found(who)).events).toEqual([]);
  });
});
