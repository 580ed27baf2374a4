import { expect, test } from "vitest";
import { Collection, Journal, TypedSlot } from "../../src/typed/index.js";
import { losingAnswers } from "./lost-answers.js";
import { newSession, onEveryStore } from "./stores.js";

onEveryStore((opened) => {
  test("smoke", async () => {
    const who = newSession();
    const journal = new Journal<{ n: number }>(opened.store, "log");
    expect(await journal.append(who, [{ value: { n: 1 }, id: "a" }, { value: { n: 2 } }])).toEqual({
      duplicate: false,
      numbers: [1, 2],
    });
    await expect(journal.append(who, [{ value: { n: 1 }, id: "a" }])).resolves.toEqual({
      duplicate: true,
      numbers: [1],
    });
    await expect(journal.append(who, [{ value: { n: 3 }, id: "a" }])).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    const bad = new Journal<{ n: number }>(
      losingAnswers(opened.store, { requests: 0.15, replies: 0.15 }),
      "log",
    );
    await Promise.all(Array.from({ length: 30 }, (_, n) => bad.append(who, [{ value: { n } }])));
    const read = await journal.read(who);
    expect(read.map((e) => e.number)).toEqual(Array.from({ length: 32 }, (_, i) => i + 1));
    expect(read[0]?.id).toBe("a");
    expect(await journal.trim(who, 5)).toBe(27);
    expect((await journal.read(who, { reverse: true, from: 31, limit: 2 })).map((e) => e.number)).toEqual([
      31, 30,
    ]);
    await expect(journal.append(who, [{ value: { n: 1 }, id: "a" }])).resolves.toEqual({
      duplicate: true,
      numbers: [undefined],
    });
    const slot = new TypedSlot<number>(opened.store, "count");
    await Promise.all(Array.from({ length: 50 }, () => slot.update(who, (n = 0) => n + 1)));
    expect(await slot.get(who)).toBe(50);
    const all = new Collection<string>(opened.store, "c");
    await all.put(who, "a/b", "x");
    expect(await all.list(who)).toMatchObject([{ id: "a/b", value: "x" }]);
  });
});
