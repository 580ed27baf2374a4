import { describe, expect, test } from "vitest";
import { Collection, TypedSlot, transact } from "../../src/typed/index.js";
import { newSession, onEveryStore } from "./stores.js";

onEveryStore((opened) => {
  function fresh() {
    const who = newSession();
    const numbers = new Collection<number>(opened.store, "numbers");
    return { who, numbers, a: numbers.at(who, "a"), b: numbers.at(who, "b") };
  }
  const values = async ({ who, numbers }: ReturnType<typeof fresh>) =>
    Object.fromEntries((await numbers.list(who)).map(({ id, value }) => [id, value]));

  describe("what a transaction sees of its own", () => {
    test("get after set and after delete, set after delete, delete after set", async () => {
      const rig = fresh();
      const { who, numbers, a, b } = rig;
      await numbers.put(who, "b", 1);
      const seen = await transact(opened.store, async (transaction) => {
        const before = [await transaction.get(a), await transaction.get(b)];
        await transaction.set(a, 10);
        transaction.delete(b);
        const between = [await transaction.get(a), await transaction.get(b)];
        await transaction.set(b, 20);
        transaction.delete(a);
        return [...before, ...between, await transaction.get(a), await transaction.get(b)];
      });
      expect(seen).toEqual([undefined, 1, 10, undefined, undefined, 20]);
      expect(await values(rig)).toEqual({ b: 20 });
    });

    test("what was set is a copy, and what is read is each reader's own", async () => {
      const who = newSession();
      const slot = new TypedSlot<{ list: number[] }>(opened.store, "s");
      const value = { list: [1] };
      await transact(opened.store, async (transaction) => {
        const setting = transaction.set(slot.at(who), value);
        value.list.push(2);
        await setting;
        (await transaction.get(slot.at(who)))?.list.push(3);
      });
      expect(await slot.get(who)).toEqual({ list: [1] });
    });

    test("deleting what is absent, read or not, is nothing", async () => {
      const rig = fresh();
      await transact(opened.store, async (transaction) => {
        await transaction.get(rig.a);
        transaction.delete(rig.a);
        transaction.delete(rig.b);
      });
      expect(await values(rig)).toEqual({});
    });
  });

  describe("create", () => {
    test("writes where nothing is, and is CONDITION_FAILED at the first try where something is", async () => {
      const rig = fresh();
      let tries = 0;
      const creating = () =>
        transact(opened.store, async (transaction) => {
          tries++;
          await transaction.set(rig.b, tries);
          await transaction.create(rig.a, tries);
        });
      await creating();
      await expect(creating()).rejects.toMatchObject({
        code: "CONDITION_FAILED",
        details: { kind: "numbers/a" },
      });
      expect(tries).toBe(2);
      expect(await values(rig)).toEqual({ a: 1, b: 1 });
    });

    test("does not write over what was read before", async () => {
      const rig = fresh();
      await rig.numbers.put(rig.who, "a", 1);
      let tries = 0;
      const creating = transact(opened.store, async (transaction) => {
        tries++;
        await transaction.get(rig.a);
        await transaction.create(rig.a, 2);
      });
      await expect(creating).rejects.toMatchObject({ code: "CONDITION_FAILED" });
      expect([tries, await values(rig)]).toEqual([1, { a: 1 }]);
    });

    test("after an empty read, a faster writer is seen at the next attempt", async () => {
      const rig = fresh();
      const seen: unknown[] = [];
      await transact(opened.store, async (transaction) => {
        const current = await transaction.get(rig.a);
        seen.push(current);
        if (current === undefined) {
          await rig.numbers.put(rig.who, "a", 7);
          await transaction.create(rig.a, 1);
        }
      });
      expect([seen, await values(rig)]).toEqual([[undefined, 7], { a: 7 }]);
    });

    test("a read that is stale is retried, though a create fails too", async () => {
      const rig = fresh();
      let tries = 0;
      await transact(opened.store, async (transaction) => {
        const next = (await transaction.get(rig.b)) ?? 0;
        if (tries++ === 0) {
          await rig.numbers.put(rig.who, "n0", 1);
          await rig.numbers.put(rig.who, "b", 1);
        }
        await transaction.create(rig.numbers.at(rig.who, `n${next}`), 2);
        await transaction.set(rig.b, next + 1);
      });
      expect(await values(rig)).toEqual({ b: 2, n0: 1, n1: 2 });
    });
  });
});
