import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Collection, transact } from "../../src/typed/index.js";
import { withCommit } from "./commits.js";
import { inProcesses } from "./processes.js";
import { newSession, onEveryStore, onSharedStores } from "./stores.js";

onEveryStore((opened) => {
  function fresh() {
    const who = newSession();
    const numbers = new Collection<number>(opened.store, "numbers");
    return { who, numbers, a: numbers.at(who, "a"), b: numbers.at(who, "b") };
  }
  const values = async ({ who, numbers }: ReturnType<typeof fresh>) =>
    Object.fromEntries((await numbers.list(who)).map(({ id, value }) => [id, value]));

  test("options that are none are refused before the work begins", async () => {
    const work = () => expect.unreachable("it began");
    for (const [options, field] of [
      [null, "options"],
      [{ tries: 1 }, "options"],
      [{ attempts: undefined }, "attempts"],
      [{ attempts: 0 }, "attempts"],
      [{ attempts: 10_001 }, "attempts"],
      [{ repeatable: undefined }, "repeatable"],
      [{ repeatable: "yes" }, "repeatable"],
      [{ turn: undefined }, "turn"],
      [{ turn: { identity: newSession(), kind: "" } }, "kind"],
      [{ signal: "s" }, "signal"],
    ] as const) {
      await expect(transact(opened.store, work, options as object)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
    }
  });

  test("work that throws writes nothing, runs once, and its error passes as it is", async () => {
    const rig = fresh();
    const boom = new Error("boom");
    let tries = 0;
    const failing = transact(opened.store, async (transaction) => {
      tries++;
      await transaction.set(rig.a, 1);
      throw boom;
    });
    await expect(failing).rejects.toBe(boom);
    expect([tries, await values(rig)]).toEqual([1, {}]);
  });

  test("an abort ends work that never ends, frees its lock, and nothing of it is written", async () => {
    const rig = fresh();
    const given = new AbortController();
    const stuck = transact(
      opened.store,
      async (transaction) => {
        await transaction.set(rig.a, 1);
        await new Promise(() => {});
      },
      { signal: given.signal, turn: rig.a },
    );
    const next = transact(opened.store, (transaction) => transaction.set(rig.b, 2), { turn: rig.a });
    await sleep(5);
    given.abort(new Error("enough"));
    await expect(stuck).rejects.toThrow("enough");
    await next;
    expect(await values(rig)).toEqual({ b: 2 });
  });

  test("wrong cells, stores and functions are refused, without an unhandled rejection", async () => {
    const rig = fresh();
    const wrong = [
      [() => transact(opened.store, async (transaction) => transaction.set(rig.numbers as never, 1)), "cell"],
      [() => transact(Promise.resolve(opened.store) as never, async () => 1), "store"],
      [() => transact(opened.store, 5 as never), "work"],
      [() => rig.numbers.update(rig.who, "a", 5 as never), "update"],
    ] as const;
    for (const [call, field] of wrong) {
      await expect(call()).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field } });
    }
  });

  test("an error about a too large value names the value", async () => {
    const rig = fresh();
    const texts = new Collection<string>(opened.store, "texts");
    const large = "x".repeat(1024 * 1024);
    await expect(texts.put(rig.who, "a", large)).rejects.toMatchObject({ details: { field: "value" } });
    const writing = transact(opened.store, async (transaction) => {
      await transaction.set(rig.a, 1);
      await transaction.set(texts.at(rig.who, "a"), large);
    });
    await expect(writing).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field: "value" } });
    expect(await values(rig)).toEqual({});
  });

  test("a set that is not awaited is written, or its error reported, without an unhandled rejection", async () => {
    const rig = fresh();
    const stray: unknown[] = [];
    const note = (error: unknown) => stray.push(error);
    process.on("unhandledRejection", note);
    await transact(opened.store, async (transaction) => {
      void transaction.set(rig.a, 1);
      void transaction.create(rig.b, 2);
    });
    expect(await values(rig)).toEqual({ a: 1, b: 2 });
    const refused = transact(opened.store, async (transaction) => {
      void transaction.set(rig.a, Number.NaN);
      void transaction.set(rig.b, 3);
      await sleep(5);
    });
    await expect(refused).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field: "value" } });
    await sleep(5);
    process.off("unhandledRejection", note);
    expect(stray).toEqual([]);
    expect(await values(rig)).toEqual({ a: 1, b: 2 });
  });

  test("a transaction that reads one slot makes no commit", async () => {
    const rig = fresh();
    await rig.numbers.put(rig.who, "a", 1);
    const store = withCommit(opened.store, () => expect.unreachable("it was committed"));
    expect(await transact(store, (transaction) => transaction.get(rig.a))).toBe(1);
  });

  test("one that only reads several slots sees them as they were at one moment, and writes nothing", async () => {
    const rig = fresh();
    await rig.numbers.put(rig.who, "a", 0);
    await rig.numbers.put(rig.who, "b", 0);
    const both = (value: number) =>
      transact(opened.store, async (transaction) => {
        await transaction.set(rig.a, value);
        await transaction.set(rig.b, value);
      });
    let tries = 0;
    const read = await transact(opened.store, async (transaction) => {
      const a = await transaction.get(rig.a);
      // Between the two reads, another writer changes both slots.
      if (tries++ === 0) await both(1);
      return [a, await transaction.get(rig.b)];
    });
    expect([tries, read, await values(rig)]).toEqual([2, [1, 1], { a: 1, b: 1 }]);
  });

  describe("a slot that was read and not written must not change", () => {
    /** Each caller subtracts 1 from its own number if the sum of both numbers allows it: a write skew. */
    async function writeSkew(take: (rig: ReturnType<typeof fresh>, mine: "a" | "b") => Promise<unknown>) {
      const rig = fresh();
      await rig.numbers.put(rig.who, "a", 1);
      await rig.numbers.put(rig.who, "b", 0);
      await Promise.all([take(rig, "a"), take(rig, "b")]);
      const { a = 0, b = 0 } = await values(rig);
      return a + b;
    }

    test("so two that read both and write one each do not both succeed", async () => {
      const both = barrier(2);
      const sum = await writeSkew(({ a, b }, mine) =>
        transact(opened.store, async (transaction) => {
          const sum = ((await transaction.get(a)) ?? 0) + ((await transaction.get(b)) ?? 0);
          await both();
          const cell = mine === "a" ? a : b;
          if (sum >= 1) await transaction.set(cell, ((await transaction.get(cell)) ?? 0) - 1);
        }),
      );
      expect(sum).toBe(0);
    });

    test("they do both succeed where only the written slot is checked (control)", async () => {
      const both = barrier(2);
      const sum = await writeSkew(async ({ who, numbers }, mine) => {
        const items = await numbers.list(who);
        const sum = items.reduce((total, { value }) => total + value, 0);
        await both();
        const { value, eventId } = items.find(({ id }) => id === mine)!;
        if (sum >= 1) await numbers.put(who, mine, value - 1, { expect: eventId });
      });
      expect(sum).toBe(-1);
    });
  });

  test("64 callers count to 64, with and without the mutex; read and save does not", async () => {
    const rig = fresh();
    const { who, numbers } = rig;
    await Promise.all(Array.from({ length: 64 }, () => numbers.update(who, "a", (n = 0) => n + 1)));
    const crowd = () =>
      transact(opened.store, async (transaction) =>
        transaction.set(rig.b, ((await transaction.get(rig.b)) ?? 0) + 1),
      );
    await Promise.all(Array.from({ length: 64 }, crowd));
    const naive = async () => numbers.put(who, "naive", ((await numbers.get(who, "naive")) ?? 0) + 1);
    await Promise.all(Array.from({ length: 64 }, naive));
    const { a, b, naive: lost } = await values(rig);
    expect([a, b]).toEqual([64, 64]);
    expect(lost).toBeLessThan(64);
  });
});

onSharedStores((opened) => {
  test("four processes count to 200; read and save does not", async () => {
    const who = newSession();
    const counted = await inProcesses<number[]>(
      4,
      opened.url,
      who,
      `
      import { Collection } from "groundstate/typed";
      const numbers = new Collection(store, "numbers");
      const seen = [];
      for (let n = 0; n < 50; n++) {
        seen.push(await numbers.update(args, "exact", (n = 0) => n + 1));
        await numbers.put(args, "naive", ((await numbers.get(args, "naive")) ?? 0) + 1);
      }
      console.log(JSON.stringify(seen));
      `,
    );
    const numbers = new Collection<number>(opened.store, "numbers");
    expect(await numbers.get(who, "exact")).toBe(200);
    expect(counted.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    expect(await numbers.get(who, "naive")).toBeLessThan(200);
  });
});

/** Holds the first `count` callers until all of them have arrived. Later callers pass. */
function barrier(count: number): () => Promise<void> {
  let arrived = 0;
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return async () => {
    if (++arrived >= count) open();
    await opened;
  };
}
