import { describe, expect, test } from "vitest";
import { createCheckpoints } from "../../src/checkpoints/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";

const PLACE = { lineage: "thread-1" };

onEveryStore((opened) => {
  const checkpoints = () => createCheckpoints(opened.store);

  test("a checkpoint is read as it was put, the latest is the last one", async () => {
    const who = newSession();
    const first = { ...PLACE, id: "c-1", values: { plan: ["read"], done: 0 }, metadata: { source: "input" } };
    expect(await checkpoints().put(who, first)).toEqual({ id: "c-1", duplicate: false });
    const second = { ...PLACE, id: "c-2", parent: "c-1", values: { done: 1 }, step: 1, usage: { tokens: 7 } };
    await checkpoints().put(who, { ...second, inherit: true, parents: { "": "c-1" } });
    const latest = await checkpoints().latest(who, PLACE);
    expect(latest).toEqual({
      ...PLACE,
      namespace: "",
      id: "c-2",
      number: 2,
      parent: "c-1",
      parents: { "": "c-1" },
      step: 1,
      usage: { tokens: 7 },
      metadata: {},
      at: expect.any(Date),
      values: { plan: ["read"], done: 1 },
      versions: { plan: 1, done: 2 },
    });
    expect((await checkpoints().get(who, { ...PLACE, id: "c-1" })).values).toEqual({
      plan: ["read"],
      done: 0,
    });
    expect(await checkpoints().find(who, { ...PLACE, id: "c-3" })).toBeUndefined();
    expect(await checkpoints().latest(who, { lineage: "other" })).toBeUndefined();
    expect(await checkpoints().latest(who, { ...PLACE, namespace: "sub" })).toBeUndefined();
  });

  test("without inherit, channels that are not named are gone", async () => {
    const who = newSession();
    await checkpoints().put(who, { ...PLACE, id: "c-1", values: { a: 1, b: 2 } });
    await checkpoints().put(who, { ...PLACE, id: "c-2", parent: "c-1", values: { b: 2, c: 3 } });
    expect(await checkpoints().latest(who, PLACE)).toMatchObject({
      values: { b: 2, c: 3 },
      versions: { b: 1, c: 1 },
    });
    const third = { ...PLACE, id: "c-3", parent: "c-2", values: {}, inherit: true, without: ["c"] };
    await checkpoints().put(who, third);
    expect((await checkpoints().latest(who, PLACE))?.values).toEqual({ b: 2 });
  });

  test("versions of the caller's: the parent's version keeps the parent's value, one without a value has none", async () => {
    const who = newSession();
    const saved = checkpoints();
    await saved.put(who, {
      ...PLACE,
      id: "c-1",
      values: { a: 1, b: 1 },
      versions: { a: "1.x", b: 7, empty: 3 },
    });
    await saved.put(who, {
      ...PLACE,
      id: "c-2",
      parent: "c-1",
      values: { a: 2, b: 2 },
      versions: { a: "1.x", b: 8 },
    });
    expect(await saved.latest(who, PLACE)).toMatchObject({
      values: { a: 1, b: 2 },
      versions: { a: "1.x", b: 8 },
    });
    expect((await saved.get(who, { ...PLACE, id: "c-1" })).versions).toEqual({ a: "1.x", b: 7, empty: 3 });
    await expect(
      saved.put(who, { ...PLACE, parent: "c-2", values: { a: 3 }, inherit: true }),
    ).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field: "versions" } });
  });

  test("the same version with another value on another branch does not disturb the first", async () => {
    const who = newSession();
    const saved = checkpoints();
    await saved.put(who, { ...PLACE, id: "c-1", values: { a: "root" }, versions: { a: 1 } });
    await saved.put(who, { ...PLACE, id: "left", parent: "c-1", values: { a: "left" }, versions: { a: 2 } });
    await saved.put(who, {
      ...PLACE,
      id: "right",
      parent: "c-1",
      values: { a: "right" },
      versions: { a: 2 },
    });
    expect((await saved.get(who, { ...PLACE, id: "left" })).values).toEqual({ a: "left" });
    expect((await saved.get(who, { ...PLACE, id: "right" })).values).toEqual({ a: "right" });
  });

  describe("the same id again", () => {
    const FIRST = { ...PLACE, id: "c-1", values: { a: 1 }, metadata: { step: 1 } };

    test("is a duplicate with the same content, and a conflict with other", async () => {
      const who = newSession();
      await checkpoints().put(who, FIRST);
      expect(await checkpoints().put(who, FIRST)).toEqual({ id: "c-1", duplicate: true });
      for (const other of [
        { values: { a: 2 } },
        { metadata: {} },
        { parent: "x" },
        { step: 2 },
        { versions: { a: 1 } },
      ])
        await expect(checkpoints().put(who, { ...FIRST, ...other })).rejects.toMatchObject({
          code: "IDEMPOTENCY_CONFLICT",
        });
      expect((await checkpoints().list(who, PLACE)).checkpoints).toHaveLength(1);
    });

    test("is a duplicate after its parent is gone, and NOT_FOUND after it is gone itself", async () => {
      const who = newSession();
      const saved = checkpoints();
      await saved.put(who, FIRST);
      const second = { ...PLACE, id: "c-2", parent: "c-1", values: { b: 1 }, inherit: true };
      await saved.put(who, second);
      await saved.prune(who, PLACE, { keep: 1 });
      expect(await saved.find(who, { ...PLACE, id: "c-1" })).toBeUndefined();
      expect(await saved.put(who, second)).toEqual({ id: "c-2", duplicate: true });
      await expect(saved.put(who, { ...second, values: { b: 2 } })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      await expect(saved.put(who, FIRST)).rejects.toMatchObject({ code: "NOT_FOUND" });
      expect((await saved.list(who, PLACE)).checkpoints.map(({ id }) => id)).toEqual(["c-2"]);
      await saved.deleteLineage(who, PLACE.lineage);
      await expect(saved.put(who, { ...second, inherit: false })).rejects.toMatchObject({
        code: "NOT_FOUND",
      });
      expect(await saved.lineages(who)).toEqual([]);
    });

    test("is a checkpoint of its own in another lineage, namespace, session and tenant", async () => {
      const who = newSession();
      const elsewhere = [
        [who, { namespace: "sub" }],
        [who, { lineage: "thread-2" }],
        [{ ...who, session: "s2" }, {}],
        [newSession(), {}],
      ] as const;
      await checkpoints().put(who, FIRST);
      for (const [owner, place] of elsewhere) {
        expect(await checkpoints().find(owner, { ...PLACE, ...place, id: "c-1" })).toBeUndefined();
        const put = await checkpoints().put(owner, { ...FIRST, ...place, values: { a: 9 } });
        expect(put.duplicate).toBe(false);
      }
      expect((await checkpoints().get(who, { ...PLACE, id: "c-1" })).values).toEqual({ a: 1 });
    });
  });

  test("inherit needs a parent that exists", async () => {
    const who = newSession();
    const put = checkpoints().put(who, { ...PLACE, parent: "none", values: {}, inherit: true });
    await expect(put).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await checkpoints().lineages(who)).toEqual([]);
  });

  test("list is newest first, by pages, before an id, and by metadata", async () => {
    const who = newSession();
    const saved = checkpoints();
    for (let step = 1; step <= 7; step++)
      await saved.put(who, {
        ...PLACE,
        id: `c-${step}`,
        values: { step },
        metadata: { step, odd: { is: step % 2 } },
      });
    const ids = (page: { checkpoints: readonly { id: string }[] }) => page.checkpoints.map(({ id }) => id);
    expect(ids(await saved.list(who, PLACE))).toEqual(["c-7", "c-6", "c-5", "c-4", "c-3", "c-2", "c-1"]);
    const page = await saved.list(who, PLACE, { limit: 3 });
    expect(ids(page)).toEqual(["c-7", "c-6", "c-5"]);
    const next = await saved.list(who, PLACE, { limit: 4, after: page.next });
    expect(ids(next)).toEqual(["c-4", "c-3", "c-2", "c-1"]);
    expect(next.next).toBeUndefined();
    expect(ids(await saved.list(who, PLACE, { before: "c-3" }))).toEqual(["c-2", "c-1"]);
    const even = { filter: { odd: { is: 0 } }, limit: 2 };
    expect(ids(await saved.list(who, PLACE, even))).toEqual(["c-6", "c-4"]);
    expect(ids(await saved.list(who, PLACE, { ...even, before: "c-4" }))).toEqual(["c-2"]);
    expect(ids(await saved.list(who, PLACE, { filter: { none: 1 } }))).toEqual([]);
    await expect(saved.list(who, PLACE, { before: "none" })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("history goes along the parents", async () => {
    const who = newSession();
    const saved = checkpoints();
    await saved.put(who, { ...PLACE, id: "a", values: {} });
    await saved.put(who, { ...PLACE, id: "b", parent: "a", values: {} });
    await saved.put(who, { ...PLACE, id: "x", parent: "a", values: {} });
    await saved.put(who, { ...PLACE, id: "c", parent: "b", values: {} });
    const line = await saved.history(who, { ...PLACE, id: "c" });
    expect(line.map(({ id }) => id)).toEqual(["c", "b", "a"]);
    expect(await saved.history(who, { ...PLACE, id: "c" }, { limit: 2 })).toHaveLength(2);
    await expect(saved.history(who, { ...PLACE, id: "z" })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("a session that is erased takes its checkpoints with it", async () => {
    const who = newSession();
    await checkpoints().put(who, { ...PLACE, id: "c-1", values: { large: "x".repeat(400_000) } });
    await opened.store.erase(who);
    expect(await checkpoints().latest(who, PLACE)).toBeUndefined();
    expect(await opened.store.count(who, "")).toBe(0);
    await expect(
      checkpoints().put(who, { ...PLACE, id: "c-1", values: { large: "x".repeat(400_000) } }),
    ).rejects.toMatchObject({ code: "NOT_FOUND" });
    await checkpoints().put(who, { ...PLACE, id: "c-2", values: { a: 1 } });
    expect((await checkpoints().latest(who, PLACE))?.id).toBe("c-2");
  });
});
