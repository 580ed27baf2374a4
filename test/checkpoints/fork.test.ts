import { expect, test } from "vitest";
import { createCheckpoints } from "../../src/checkpoints/index.js";
import type { SessionIdentity } from "../../src/index.js";
import { dyingAt } from "../sessions/rig.js";
import { inMemory, newSession } from "../typed/stores.js";

const FROM = { lineage: "thread-1" };
const LARGE = "x".repeat(700_000);

inMemory((opened) => {
  const checkpoints = () => createCheckpoints(opened.store);

  async function putThree(who: SessionIdentity): Promise<void> {
    const saved = checkpoints();
    await saved.put(who, { ...FROM, id: "c-1", values: { doc: LARGE, n: 1 } });
    await saved.put(who, { ...FROM, namespace: "sub", id: "s-1", values: { s: 1 }, parents: { "": "c-1" } });
    await saved.put(who, { ...FROM, id: "c-2", parent: "c-1", values: { n: 2 }, inherit: true });
    await saved.putWrites(who, { ...FROM, id: "c-2", task: "t", writes: [{ channel: "big", value: LARGE }] });
    await saved.put(who, { ...FROM, id: "c-3", parent: "c-2", values: { n: 3 }, inherit: true });
    await saved.put(who, { ...FROM, namespace: "sub", id: "s-2", values: { s: 2 } });
  }

  test("a fork has what was put up to a checkpoint, and goes its own way", async () => {
    const who = newSession();
    const saved = checkpoints();
    await putThree(who);
    const bytes = async () => (await opened.store.list(who, "checkpoint.value/")).length;
    const before = await bytes();
    expect(await saved.fork(who, FROM, { to: "copy", id: "c-2" })).toEqual({ duplicate: false });
    expect(await bytes()).toBe(before);
    expect(await saved.fork(who, FROM, { to: "copy", id: "c-2" })).toEqual({ duplicate: true });
    const to = { lineage: "copy" };
    expect(await saved.tuple(who, to)).toMatchObject({
      checkpoint: { id: "c-2", lineage: "copy", parent: "c-1", values: { doc: LARGE, n: 2 } },
      writes: [{ task: "t", channel: "big", value: LARGE }],
    });
    expect((await saved.list(who, { ...to, namespace: "sub" })).checkpoints.map(({ id }) => id)).toEqual([
      "s-1",
    ]);
    expect((await saved.history(who, { ...to, id: "c-2" })).map(({ id }) => id)).toEqual(["c-2", "c-1"]);

    await saved.put(who, { ...to, id: "d-3", parent: "c-2", values: { n: 33 }, inherit: true });
    expect((await saved.latest(who, to))?.values).toEqual({ doc: LARGE, n: 33 });
    expect((await saved.latest(who, FROM))?.values).toEqual({ doc: LARGE, n: 3 });
    const again = { ...to, id: "c-2", parent: "c-1", values: { n: 2 }, inherit: true };
    expect(await saved.put(who, again)).toEqual({ id: "c-2", duplicate: true });
    await expect(saved.put(who, { ...again, values: { n: 5 } })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    await expect(saved.fork(who, FROM, { to: "copy" })).resolves.toEqual({ duplicate: true });
    await expect(saved.fork(who, FROM, { to: "copy", id: "c-1" })).rejects.toMatchObject({
      code: "ALREADY_EXISTS",
    });
    expect((await saved.lineages(who)).find(({ lineage }) => lineage === "copy")).toMatchObject({
      forkedFrom: "thread-1",
    });
  });

  test("deleting either of them leaves the other whole, and deleting both leaves nothing", async () => {
    for (const [gone, left] of [
      ["thread-1", "copy"],
      ["copy", "thread-1"],
    ] as const) {
      const who = newSession();
      const saved = checkpoints();
      await putThree(who);
      await saved.fork(who, FROM, { to: "copy" });
      expect(await saved.deleteLineage(who, gone)).toBe(true);
      expect(await saved.deleteLineage(who, gone)).toBe(false);
      expect(await saved.latest(who, { lineage: gone })).toBeUndefined();
      expect((await saved.latest(who, { lineage: left }))?.values).toEqual({ doc: LARGE, n: 3 });
      expect((await saved.tuple(who, { lineage: left, id: "c-2" }))?.writes[0]?.value).toBe(LARGE);
      // What is left may be forked under the name of the one that is gone.
      await saved.fork(who, { lineage: left }, { to: gone });
      expect((await saved.latest(who, { lineage: gone }))?.id).toBe("c-3");
      await saved.deleteLineage(who, gone);
      await saved.deleteLineage(who, left);
      expect(await opened.store.count(who, "")).toBe(0);
    }
  });

  test("a lineage that is deleted and begun again has none of the earlier one's checkpoints", async () => {
    const who = newSession();
    const saved = checkpoints();
    await putThree(who);
    await saved.deleteLineage(who, FROM.lineage);
    expect(await opened.store.count(who, "")).toBe(0);
    await saved.put(who, { ...FROM, id: "new", values: { n: 9 } });
    expect((await saved.list(who, FROM)).checkpoints.map(({ id }) => id)).toEqual(["new"]);
  });

  test("a fork that a crash interrupted is not seen, and the same call finishes it", async () => {
    const who = newSession();
    await putThree(who);
    const to = { lineage: "copy" };
    for (let call = 1; call < 50; call++) {
      const dying = createCheckpoints(dyingAt(opened.store, "commit", call));
      const outcome = await dying.fork(who, FROM, { to: "copy" }).catch(() => "died");
      if (outcome !== "died") break;
      expect(await checkpoints().latest(who, to)).toBeUndefined();
      expect(await checkpoints().lineages(who)).toHaveLength(1);
      // What is copied belongs to nothing yet, however old it is.
      await createCheckpoints(opened.store, { clock: () => Date.now() + 1_000 }).prune(who, to, {
        keep: 1,
        abandonedMs: 0,
      });
      if (call > 1)
        await expect(checkpoints().put(who, { ...to, values: {} })).rejects.toMatchObject({
          code: "ALREADY_EXISTS",
        });
    }
    expect((await checkpoints().latest(who, to))?.values).toEqual({ doc: LARGE, n: 3 });
    expect((await checkpoints().tuple(who, { ...to, id: "c-2" }))?.writes[0]?.value).toBe(LARGE);
  });

  test("checkpoints whose metadata does not fit into one commit are copied in several", async () => {
    const who = newSession();
    const saved = checkpoints();
    const note = "x".repeat(200_000);
    for (let step = 1; step <= 60; step++)
      await saved.put(who, { ...FROM, id: `c-${step}`, values: { step }, metadata: { note }, usage: note });
    await saved.fork(who, FROM, { to: "copy" });
    const copies = await saved.list(who, { lineage: "copy" }, { limit: 100 });
    expect(copies.checkpoints.map(({ id }) => id)).toEqual(
      Array.from({ length: 60 }, (_, n) => `c-${60 - n}`),
    );
  });

  test("few and many pending writes are copied, also where one of them is large, and none of a checkpoint that is not", async () => {
    const who = newSession();
    const saved = checkpoints();
    const counts = [0, 1, 15, 16, 17, 40, 3];
    for (const [at, count] of counts.entries()) {
      const id = `c-${at}`;
      await saved.put(who, { ...FROM, id, values: { at } });
      const writes = Array.from({ length: count }, (_, index) => ({ channel: "x", value: index }));
      if (count > 0) await saved.putWrites(who, { ...FROM, id, task: "t", writes });
      if (count === 3 || count === 17)
        await saved.putWrites(who, { ...FROM, id, task: "l", writes: [{ channel: "big", value: LARGE }] });
    }
    await saved.put(who, { ...FROM, id: "later", values: {} });
    await saved.putWrites(who, { ...FROM, id: "later", task: "t", writes: [{ channel: "x", value: 1 }] });
    await saved.fork(who, FROM, { to: "copy", id: `c-${counts.length - 1}` });
    for (const [at] of counts.entries()) {
      const [copy, original] = await Promise.all(
        ["copy", FROM.lineage].map((lineage) => saved.tuple(who, { lineage, id: `c-${at}` })),
      );
      expect(copy?.writes).toEqual(original?.writes);
    }
    expect((await saved.list(who, { lineage: "copy" })).checkpoints).toHaveLength(counts.length);
    const pending: unknown[] = [];
    for await (const write of saved.pendingWrites(who, { lineage: "copy", id: "later" })) pending.push(write);
    expect(pending).toEqual([]);
  });

  test("a fork up to an early checkpoint has those of all namespaces that were put before it", async () => {
    const who = newSession();
    const saved = checkpoints();
    const namespaces = ["", "a", "b", "c"];
    for (let step = 1; step <= 60; step++)
      for (const namespace of namespaces)
        await saved.put(who, { ...FROM, namespace, id: `c-${step}`, values: { step } });
    await saved.fork(who, FROM, { to: "copy", id: "c-20" });
    const counts = namespaces.map(async (namespace) => {
      const { checkpoints: found } = await saved.list(who, { lineage: "copy", namespace });
      return found.length;
    });
    expect(await Promise.all(counts)).toEqual([20, 19, 19, 19]);
  });

  test("there is nothing to fork without the lineage or the checkpoint", async () => {
    const who = newSession();
    await expect(checkpoints().fork(who, FROM, { to: "copy" })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await putThree(who);
    await expect(checkpoints().fork(who, FROM, { to: "copy", id: "none" })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    await expect(checkpoints().fork(who, FROM, { to: FROM.lineage })).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "to" },
    });
  });
});
