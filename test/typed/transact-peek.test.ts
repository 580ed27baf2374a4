import { describe, expect, test } from "vitest";
import { Collection, transact } from "../../src/typed/index.js";
import { withCommit } from "./commits.js";
import { newSession, onEveryStore } from "./stores.js";

onEveryStore((opened) => {
  async function fresh() {
    const who = newSession();
    const numbers = new Collection<number>(opened.store, "numbers");
    const [settings, sum] = [numbers.at(who, "settings"), numbers.at(who, "sum")];
    await numbers.put(who, "settings", 1);
    await numbers.put(who, "sum", 10);
    return {
      settings,
      sum,
      put: (id: string, value: number) => numbers.put(who, id, value),
      get: (id: string) => numbers.get(who, id),
    };
  }

  describe("what a transaction peeked", () => {
    test("may change before the commit; what it read may not", async () => {
      for (const read of ["peek", "get"] as const) {
        const { settings, sum, put, get } = await fresh();
        let attempts = 0;
        await transact(opened.store, async (transaction) => {
          attempts++;
          const step = (await transaction[read](settings)) ?? 0;
          const before = (await transaction.get(sum)) ?? 0;
          if (attempts === 1) await put("settings", 5);
          await transaction.set(sum, before + step);
        });
        expect([attempts, await get("sum")], read).toEqual(read === "peek" ? [1, 11] : [2, 15]);
      }
    });

    test("is no change of the commit, and a transaction that only peeks makes none", async () => {
      const { settings, sum } = await fresh();
      const made: string[][] = [];
      const store = withCommit(opened.store, (changes, options) => {
        made.push(changes.map(({ op }) => op));
        return opened.store.commit(changes, options);
      });
      await transact(store, async (transaction) => {
        await transaction.peek(settings);
        await transaction.set(sum, 1);
      });
      await transact(store, async (transaction) => {
        await Promise.all([transaction.peek(settings), transaction.peek(sum)]);
        await transaction.get(settings);
      });
      expect(made).toEqual([["save"]]);
    });

    test("is written over whatever it is by then", async () => {
      const { settings, put, get } = await fresh();
      let attempts = 0;
      await transact(opened.store, async (transaction) => {
        const seen = (await transaction.peek(settings)) ?? 0;
        if (++attempts === 1) await put("settings", 100);
        await transaction.set(settings, seen + 1);
      });
      expect([attempts, await get("settings")]).toEqual([1, 2]);
    });

    test("is the same when it is read later in the attempt, and a condition from then on", async () => {
      const { settings, sum, put, get } = await fresh();
      const seen: unknown[] = [];
      await transact(opened.store, async (transaction) => {
        const peeked = await transaction.peek(settings);
        if (seen.length === 0) await put("settings", 5);
        seen.push([peeked, await transaction.get(settings), await transaction.peek(settings)]);
        await transaction.set(sum, peeked ?? 0);
      });
      expect([seen, await get("sum")]).toEqual([
        [
          [1, 1, 1],
          [5, 5, 5],
        ],
        5,
      ]);
    });

    test("is the transaction's own write, if there is one", async () => {
      const { settings, sum } = await fresh();
      await transact(opened.store, async (transaction) => {
        await transaction.set(settings, 7);
        transaction.delete(sum);
        expect([await transaction.peek(settings), await transaction.peek(sum)]).toEqual([7, undefined]);
      });
    });
  });
});
