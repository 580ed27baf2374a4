// In memory a loop of reads would never yield to the event loop.
import { setImmediate as othersTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { isStateError, StateError } from "../../src/index.js";
import { Collection, Journal, TypedSlot } from "../../src/typed/index.js";
import { dyingAt } from "../sessions/rig.js";
import { losingAnswers } from "./lost-answers.js";
import { inProcesses } from "./processes.js";
import { newSession, onEveryStore, onSharedStores } from "./stores.js";

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, n) => first + n);

/** Repeats the call until its outcome is known. */
async function retryUntilKnown<R>(call: () => Promise<R>): Promise<R> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isStateError(error, "OUTCOME_UNKNOWN")) throw error;
      expect(error.retryable).toBe(true);
    }
  }
}

onEveryStore((opened) => {
  const log = (store = opened.store) => new Journal<number>(store, "log");
  const values = (count: number) => range(1, count).map((value) => ({ value }));

  async function filled(count: number) {
    const who = newSession();
    for (let left = count; left > 0; left -= 200) await log().append(who, values(Math.min(left, 200)));
    return who;
  }

  describe("32 appenders at once", () => {
    test("leave no gap and no number twice, each batch together, though answers are lost", async () => {
      const who = newSession();
      const journal = log(losingAnswers(opened.store, { requests: 0.15, replies: 0.15 }));
      const batches = range(0, 31).map((caller) => range(0, caller % 3).map((n) => caller * 10 + n));
      const receipts = await Promise.all(
        batches.map((batch) =>
          retryUntilKnown(() =>
            journal.append(
              who,
              batch.map((value) => ({ id: `id-${value}`, value })),
            ),
          ),
        ),
      );
      const entries = await log().read(who);
      expect(entries.map(({ number }) => number)).toEqual(range(1, batches.flat().length));
      for (const [index, batch] of batches.entries()) {
        const { numbers } = receipts[index]!;
        expect(numbers).toEqual(range(numbers[0]!, numbers[0]! + batch.length - 1));
        expect(numbers.map((number) => entries[number! - 1]?.value)).toEqual(batch);
      }
    });

    test("of a journal without conditions repeat numbers (control)", async () => {
      const who = newSession();
      const [heads, all] = [
        new TypedSlot<number>(opened.store, "n"),
        new Collection<number>(opened.store, "n"),
      ];
      const numbers = await Promise.all(
        range(1, 32).map(async (value) => {
          const number = ((await heads.get(who)) ?? 0) + 1;
          await all.put(who, `${number}`, value);
          await heads.set(who, number);
          return number;
        }),
      );
      expect(new Set(numbers).size).toBeLessThan(32);
      expect((await all.list(who)).length).toBeLessThan(32);
    });

    test("with one id append one entry", async () => {
      const who = newSession();
      const receipts = await Promise.all(
        range(1, 32).map(() => log().append(who, [{ id: "once", value: 7 }])),
      );
      expect(receipts.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      expect(new Set(receipts.map(({ numbers }) => numbers[0]))).toEqual(new Set([1]));
      expect(await log().read(who)).toHaveLength(1);
    });
  });

  describe("trim", () => {
    test("keeps the last entries, and returns how many it removed", async () => {
      const who = await filled(5);
      expect(await log().trim(who, 7)).toBe(0);
      expect(await log().trim(who, 2)).toBe(3);
      expect(await log().trim(who, 2)).toBe(0);
      expect((await log().read(who)).map(({ number }) => number)).toEqual([4, 5]);
      expect((await log().read(who, { from: 2 })).map(({ number }) => number)).toEqual([4, 5]);
      expect(await log().read(who, { from: 3, reverse: true })).toEqual([]);
      expect(await log().trim(newSession(), 0)).toBe(0);
    });

    test("of all entries: the numbers go on", async () => {
      const who = await filled(3);
      expect(await log().trim(who, 0)).toBe(3);
      expect([await log().read(who), await log().bounds(who)]).toEqual([[], { first: 4, next: 4 }]);
      expect((await log().append(who, values(1))).numbers).toEqual([4]);
    });

    test.each([
      [399, 0],
      [400, 0],
      [450, 49],
    ])("of %i entries but %i takes several commits", async (count, keep) => {
      const who = await filled(count);
      expect(await log().trim(who, keep)).toBe(count - keep);
      expect((await log().read(who)).map(({ number }) => number)).toEqual(range(count - keep + 1, count));
      expect(await opened.store.list(who, "log/")).toHaveLength(keep);
    });

    test("up to a number keeps what was appended since", async () => {
      const who = await filled(90);
      await log().append(who, values(5));
      expect(await log().trim(who, { upTo: 90 })).toBe(90);
      expect((await log().read(who)).map(({ number }) => number)).toEqual(range(91, 95));
      expect(await log().trim(who, { upTo: 90 })).toBe(0);
      expect(await log().trim(who, { upTo: 3 })).toBe(0);
      await expect(log().trim(who, { upTo: 96 })).rejects.toMatchObject({ details: { field: "upTo" } });
      expect(await log().trim(who, { upTo: 95 })).toBe(5);
      expect(await log().bounds(who)).toEqual({ first: 96, next: 96 });
    });

    test("of many entries is visible to readers with its first commit, and goes on after an interruption", async () => {
      const who = await filled(650);
      const dying = log(dyingAt(opened.store, "commit", 3));
      await expect(dying.trim(who, { upTo: 640 })).rejects.toThrow("the process died");
      expect(await opened.store.list(who, "log/")).toHaveLength(250);
      const left = range(641, 650);
      const numbers = async (options = {}) => (await log().read(who, options)).map(({ number }) => number);
      expect(await log().bounds(who)).toEqual({ first: 641, next: 651 });
      expect(await numbers()).toEqual(left);
      expect(await numbers({ from: 500, limit: 3 })).toEqual([641, 642, 643]);
      expect(await numbers({ reverse: true })).toEqual([...left].reverse());
      expect(await numbers({ reverse: true, from: 600 })).toEqual([]);
      // Appends in between keep `unswept` in the head.
      expect((await log().append(who, values(1))).numbers).toEqual([651]);
      expect(await log().trim(who, { upTo: 100 })).toBe(240);
      expect(await opened.store.list(who, "log/")).toHaveLength(11);
      expect(await log().trim(who, { upTo: 100 })).toBe(0);
    });

    test("an append of trimmed entries is no duplicate, whether or not their records are removed", async () => {
      const who = newSession();
      const [removed, left] = [
        { id: "removed", value: 1 },
        { id: "left", value: 1 },
      ];
      await log().append(who, [removed, ...values(199)]);
      await log().append(who, [left, ...values(99)]);
      await expect(log(dyingAt(opened.store, "commit", 2)).trim(who, { upTo: 300 })).rejects.toThrow();
      expect(await opened.store.list(who, "log/")).toHaveLength(100);
      for (const entry of [removed, left]) {
        await expect(log().append(who, [entry])).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
        expect(await log().appended(who, [entry])).toBeUndefined();
      }
    });

    test("while others append and read: no reader sees a gap, no entry is lost or counted twice", async () => {
      const who = await filled(250);
      const sizes: number[] = [];
      let appending = true;
      const read = async () => {
        while (appending) {
          sizes.push((await log().read(who)).length);
          await othersTurn();
        }
      };
      const trim = async () => {
        let removed = 0;
        while (appending) {
          removed += await log().trim(who, 3);
          await othersTurn();
        }
        return removed + (await log().trim(who, 3));
      };
      const append = async () => {
        await Promise.all(range(1, 20).map(() => log().append(who, values(2))));
        appending = false;
      };
      const [removed] = await Promise.all([trim(), read(), append()]);
      expect(removed).toBe(250 + 40 - 3);
      expect((await log().read(who)).map(({ number }) => number)).toEqual([288, 289, 290]);
      expect(sizes.length).toBeGreaterThan(0);
    });
  });

  describe("what else is to happen", () => {
    const count = () => new TypedSlot<number>(opened.store, "count");

    test("happens together with the append, once, though answers are lost", async () => {
      const who = newSession();
      const journal = log(losingAnswers(opened.store, { requests: 0.15, replies: 0.15 }));
      const append = (id: string) =>
        journal.append(who, [{ id, value: 1 }], {
          also: async (transaction) =>
            transaction.set(count().at(who), ((await transaction.get(count().at(who))) ?? 0) + 1),
        });
      await Promise.all(range(1, 24).map((n) => retryUntilKnown(() => append(`id-${n % 12}`))));
      expect([await count().get(who), (await log().bounds(who)).next]).toEqual([12, 13]);
    });

    test("or not at all, and a refusal of its own is no damage and no duplicate of the journal", async () => {
      const who = await filled(1);
      await count().set(who, 1, { eventId: "taken" });
      const value = [{ value: 2 }];
      const named = [{ id: "mine", value: 2 }];
      for (const entries of [value, named, [...value, ...named]]) {
        await expect(
          log().append(who, entries, { also: (transaction) => transaction.create(count().at(who), 2) }),
        ).rejects.toMatchObject({ code: "CONDITION_FAILED", details: { kind: "count" } });
        await expect(
          log().append(who, entries, { also: (transaction) => transaction.set(count().at(who), 2, "taken") }),
        ).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
        const thrown = new StateError("IDEMPOTENCY_CONFLICT", "of its own", { details: { change: 0 } });
        await expect(log().append(who, entries, { also: () => Promise.reject(thrown) })).rejects.toBe(thrown);
      }
      expect([await count().get(who), (await log().bounds(who)).next]).toEqual([1, 2]);
      expect(await opened.store.list(who, "")).toHaveLength(3);
    });
  });

  test("a duplicate is distinguished from a conflict although the first answer was lost", async () => {
    const who = newSession();
    await log().append(who, [{ id: "a", value: 1 }]);
    let lost = 0;
    const store = losingAnswers(opened.store, {
      requests: 1,
      replies: 0,
      random: () => (lost++ === 0 ? 0 : 1),
    });
    expect(await log(store).append(who, [{ id: "a", value: 1 }])).toEqual({ duplicate: true, numbers: [1] });
  });

  test("after an erase the numbers begin at 1 again, and readers meanwhile see no damage", async () => {
    const who = await filled(20);
    let erasing = true;
    const read = async () => {
      while (erasing) {
        await log().read(who);
        await othersTurn();
      }
    };
    const erase = async () => {
      for (let n = 0; n < 10; n++) {
        await opened.store.erase(who);
        expect((await log().append(who, values(20))).numbers).toEqual(range(1, 20));
      }
      erasing = false;
    };
    await Promise.all([read(), read(), erase()]);
    expect((await log().bounds(who)).next).toBe(21);
  });
});

onSharedStores((opened) => {
  test("two processes append without a gap, though each tries again by its ids", async () => {
    const who = newSession();
    const seen = await inProcesses<(number | undefined)[]>(
      2,
      opened.url,
      who,
      `
      import { isStateError, StateError } from "groundstate";
      import { Journal } from "groundstate/typed";
      const lost = () => new StateError("OUTCOME_UNKNOWN", "lost", { details: {} });
      const bad = Object.assign(Object.create(store), {
        find: (...given) => store.find(...given),
        loadByEventId: (...given) => store.loadByEventId(...given),
        async commit(...given) {
          if (Math.random() < 0.15) throw lost();
          const receipt = await store.commit(...given);
          if (Math.random() < 0.15) throw lost();
          return receipt;
        },
      });
      const journal = new Journal(bad, "log");
      const numbers = [];
      for (let n = 0; n < 40; ) {
        try {
          // Half of the ids are those of the other process, too.
          const id = n % 2 ? "both-" + n : me + "-" + n;
          numbers.push(...(await journal.append(args, [{ id, value: n }], { attempts: 10000 })).numbers);
          n++;
        } catch (error) {
          if (!isStateError(error, "OUTCOME_UNKNOWN")) throw error;
        }
      }
      console.log(JSON.stringify(numbers));
      `,
    );
    const entries = await new Journal<number>(opened.store, "log").read(who);
    expect(entries.map(({ number }) => number)).toEqual(range(1, 60));
    for (const numbers of seen) {
      expect(numbers.map((number) => entries[number! - 1]?.value)).toEqual(range(0, 39));
    }
  });
});
