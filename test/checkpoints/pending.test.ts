import { expect, test } from "vitest";
import { createCheckpoints } from "../../src/checkpoints/index.js";
import type { StateStore } from "../../src/index.js";
import { withMethods } from "../sessions/rig.js";
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

  test("many writes are read as they were at one moment, though a task writes before and behind the page that is read", async () => {
    const who = newSession();
    const saved = checkpoints();
    await saved.put(who, { ...REF, values: {} });
    const writesOf = (...indexes: number[]) => ({
      ...REF,
      task: "t",
      writes: indexes.map((index) => ({ channel: "x", value: index, index })),
    });
    await saved.putWrites(who, writesOf(...Array.from({ length: 300 }, (_, at) => at + 10)));
    let pages = 0;
    const list = (async (...args: Parameters<StateStore["list"]>) => {
      if (args[1].startsWith("checkpoint.write/") && ++pages === 2)
        await saved.putWrites(who, writesOf(5, 500));
      return opened.store.list(...args);
    }) as unknown as StateStore["list"];
    const beside = createCheckpoints(withMethods(opened.store, { list }));
    const indexes = (await beside.tuple(who, REF))?.writes.map(({ index }) => index) ?? [];
    expect(pages).toBeGreaterThan(2);
    expect(indexes.filter((index) => index === 5 || index === 500)).toEqual([5, 500]);
    expect(indexes).toHaveLength(302);
  });

  test("more writes than are read at once are read one after another, large ones too, and the tuple says so", async () => {
    const who = newSession();
    const saved = checkpoints();
    await saved.put(who, { ...REF, values: {} });
    for (let from = 0; from < 10_001; from += 1_000) {
      const writes = Array.from({ length: 1_000 }, (_, at) => ({
        channel: "x",
        value: from + at,
        index: from + at,
      }));
      await saved.putWrites(who, { ...REF, task: "many", writes });
    }
    await saved.putWrites(who, {
      ...REF,
      task: "large",
      writes: [{ channel: "y", value: "y".repeat(300_000) }],
    });
    await expect(saved.tuple(who, REF)).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "writes" },
    });
    const sums = { many: 0, large: 0 };
    for await (const { task, value, index } of saved.pendingWrites(who, REF)) {
      if (task === "many") expect(index).toBe(sums.many++);
      else sums.large += String(value).length;
    }
    expect(sums).toEqual({ many: 11_000, large: 300_000 });
    const abort = new AbortController();
    const aborted = saved.pendingWrites(who, REF, { signal: abort.signal });
    expect((await aborted.next()).done).toBe(false);
    abort.abort(new Error("enough"));
    await expect(aborted.next()).rejects.toThrow("enough");
  });

  test("a large write that is overwritten while writes are read is yielded as it is then", async () => {
    const who = newSession();
    const saved = checkpoints();
    const write = (value: string) =>
      saved.putWrites(who, { ...REF, task: "t", writes: [{ channel: "x", value, index: -1 }] });
    await write("x".repeat(300_000));
    let isWritten = false;
    const find = (async (...args: Parameters<StateStore["find"]>) => {
      if (!isWritten && args[1].includes("/v/")) {
        isWritten = true;
        await write("new");
        await opened.store.delete(args[0], args[1]);
      }
      return opened.store.find(...args);
    }) as StateStore["find"];
    const found: unknown[] = [];
    const beside = createCheckpoints(withMethods(opened.store, { find }));
    for await (const { value } of beside.pendingWrites(who, REF)) found.push(value);
    expect(found).toEqual(["new"]);
  });
});
