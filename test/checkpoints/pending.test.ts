import { expect, test } from "vitest";
import { createCheckpoints } from "../../src/checkpoints/index.js";
import { inMemory, newSession } from "../typed/stores.js";

const REF = { lineage: "thread-1", id: "c-1" };

inMemory((opened) => {
  const checkpoints = () => createCheckpoints(opened.store);

  test("pending writes come with their checkpoint, by path, task and index", async () => {
    const who = newSession();
    const saved = checkpoints();
    await saved.putWrites(who, { ...REF, task: "t-2", path: "b", writes: [{ channel: "x", value: 1 }] });
    const two = [
      { channel: "y", value: [2] },
      { channel: "z", value: null },
    ];
    await saved.putWrites(who, { ...REF, task: "t-1", path: "b", writes: two });
    await saved.putWrites(who, { ...REF, task: "t-9", path: "a", writes: [{ channel: "y", value: 3 }] });
    expect(await saved.tuple(who, REF)).toBeUndefined();
    await saved.put(who, { ...REF, values: { a: 1 } });
    const tuple = await saved.tuple(who, REF);
    expect(tuple?.checkpoint.values).toEqual({ a: 1 });
    expect(tuple?.writes).toEqual([
      { task: "t-9", path: "a", index: 0, channel: "y", value: 3 },
      { task: "t-1", path: "b", index: 0, channel: "y", value: [2] },
      { task: "t-1", path: "b", index: 1, channel: "z", value: null },
      { task: "t-2", path: "b", index: 0, channel: "x", value: 1 },
    ]);
    expect(await saved.tuple(who, { lineage: REF.lineage })).toEqual(tuple);
  });

  test("a write happens once by task and index, with another value it is refused or left", async () => {
    const who = newSession();
    const saved = checkpoints();
    const first = { ...REF, task: "t", writes: [{ channel: "x", value: 1 }] };
    await saved.put(who, { ...REF, values: {} });
    expect(await saved.putWrites(who, first)).toEqual({ id: "c-1", duplicate: false });
    expect(await saved.putWrites(who, first)).toEqual({ id: "c-1", duplicate: true });
    const other = {
      ...first,
      writes: [
        { channel: "x", value: 2 },
        { channel: "y", value: 3 },
      ],
    };
    await expect(saved.putWrites(who, other)).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    expect((await saved.tuple(who, REF))?.writes).toHaveLength(1);
    await expect(
      saved.putWrites(who, { ...first, writes: [{ channel: "other", value: 1 }] }),
    ).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    expect(await saved.putWrites(who, { ...other, existing: "keep" })).toEqual({
      id: "c-1",
      duplicate: false,
    });
    expect((await saved.tuple(who, REF))?.writes.map(({ value }) => value)).toEqual([1, 3]);
  });

  test("a write with a negative index is overwritten", async () => {
    const who = newSession();
    const saved = checkpoints();
    await saved.put(who, { ...REF, values: {} });
    for (const value of ["first", "second", "x".repeat(300_000), "last"])
      await saved.putWrites(who, { ...REF, task: "t", writes: [{ channel: "error", value, index: -1 }] });
    const { writes } = (await saved.tuple(who, REF)) ?? {};
    expect(writes).toEqual([{ task: "t", index: -1, channel: "error", value: "last" }]);
  });

  test("a checkpoint and the writes of its tasks are put together, once", async () => {
    const who = newSession();
    const saved = checkpoints();
    const tasks = [
      { task: "t-1", writes: [{ channel: "x", value: 1 }] },
      { task: "t-2", writes: [{ channel: "x", value: "y".repeat(600_000) }] },
    ];
    const all = { ...REF, values: { a: 1 } };
    expect(await saved.putAll(who, all, tasks)).toEqual({ id: "c-1", duplicate: false });
    expect(await saved.putAll(who, all, tasks)).toEqual({ id: "c-1", duplicate: true });
    const { checkpoint, writes } = (await saved.tuple(who, REF)) ?? {};
    expect(checkpoint?.values).toEqual({ a: 1 });
    expect(writes?.map(({ value }) => value)).toEqual([1, "y".repeat(600_000)]);
    const other = [{ task: "t-1", writes: [{ channel: "x", value: 2 }] }];
    await expect(saved.putAll(who, all, other)).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });

    const next = { ...REF, id: "c-2", values: { a: 2 } };
    await saved.putWrites(who, { ...REF, id: "c-2", ...(tasks[0] as (typeof tasks)[0]) });
    await expect(saved.putAll(who, next, other)).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    expect(await saved.find(who, { ...REF, id: "c-2" })).toBeUndefined();
  });
});
