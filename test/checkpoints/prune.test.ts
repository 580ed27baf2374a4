import { expect, test } from "vitest";
import { createCheckpoints } from "../../src/checkpoints/index.js";
import type { SessionIdentity } from "../../src/index.js";
import { dyingAt } from "../sessions/rig.js";
import { inMemory, newSession } from "../typed/stores.js";

const PLACE = { lineage: "thread-1" };

inMemory((opened) => {
  const checkpoints = () => createCheckpoints(opened.store);
  const idsOf = async (who: SessionIdentity, namespace = "") =>
    (await checkpoints().list(who, { ...PLACE, namespace })).checkpoints.map(({ id }) => id);

  async function putLine(who: SessionIdentity, count: number, namespace = ""): Promise<void> {
    for (let step = 1; step <= count; step++)
      await checkpoints().put(who, {
        ...PLACE,
        namespace,
        id: `${namespace}${step}`,
        ...(step > 1 && { parent: `${namespace}${step - 1}` }),
        values: { step, same: "s", large: step % 2 === 0 ? "e".repeat(300_000) : `odd ${step}` },
      });
  }

  test("the last ones of each namespace stay whole, with the values that they use and no others", async () => {
    const who = newSession();
    await putLine(who, 6);
    await putLine(who, 3, "sub");
    for (const id of ["1", "6"])
      await checkpoints().putWrites(who, { ...PLACE, id, task: "t", writes: [{ channel: "x", value: id }] });
    expect(await checkpoints().prune(who, PLACE, { keep: 2 })).toMatchObject({ checkpoints: 5 });
    expect(await idsOf(who)).toEqual(["6", "5"]);
    expect(await idsOf(who, "sub")).toEqual(["sub3", "sub2"]);
    const six = await checkpoints().tuple(who, { ...PLACE, id: "6" });
    expect(six?.checkpoint.values).toEqual({ step: 6, same: "s", large: "e".repeat(300_000) });
    expect(six?.writes.map(({ value }) => value)).toEqual(["6"]);
    expect((await checkpoints().get(who, { ...PLACE, id: "5" })).values).toMatchObject({ large: "odd 5" });
    // step 5, 6, 2, 3; same; large: one even, odd 5, odd 3.
    expect(await opened.store.count(who, "checkpoint.value/")).toBe(8);
    expect(await opened.store.count(who, "checkpoint.chunk/")).toBe(1);
    expect(await opened.store.count(who, "checkpoint.write/")).toBe(1);
    expect(await checkpoints().prune(who, PLACE, { keep: 2 })).toEqual({ checkpoints: 0, values: 0 });
  });

  test("one namespace alone, and not what checkpoints of others refer to", async () => {
    const who = newSession();
    await putLine(who, 4);
    await putLine(who, 4, "sub");
    await checkpoints().put(who, { ...PLACE, id: "top", values: {}, parents: { sub: "sub2" } });
    await checkpoints().prune(who, { ...PLACE, namespace: "sub" }, { keep: 1 });
    expect(await idsOf(who)).toHaveLength(5);
    expect(await idsOf(who, "sub")).toEqual(["sub4", "sub2"]);
  });

  test("a checkpoint that depends on an ancestor keeps it, with those between", async () => {
    const who = newSession();
    await putLine(who, 5);
    await checkpoints().put(who, { ...PLACE, id: "6", parent: "5", values: {}, dependsOn: "3" });
    await checkpoints().prune(who, PLACE, { keep: 1 });
    expect(await idsOf(who)).toEqual(["6", "5", "4", "3"]);
  });

  test("a fork keeps what it shares", async () => {
    const who = newSession();
    await putLine(who, 4);
    await checkpoints().fork(who, PLACE, { to: "copy" });
    await checkpoints().prune(who, PLACE, { keep: 1 });
    for (const id of ["1", "2", "3", "4"])
      expect((await checkpoints().get(who, { lineage: "copy", id })).values).toMatchObject({
        step: Number(id),
      });
    await checkpoints().prune(who, { lineage: "copy" }, { keep: 1 });
    expect(await opened.store.count(who, "checkpoint.value/")).toBe(3);
  });

  test("what an interrupted put left goes when it is old, and pending writes without a checkpoint", async () => {
    const who = newSession();
    await putLine(who, 1);
    const large = { ...PLACE, id: "cut", values: { large: "y".repeat(3_000_000) } };
    await expect(createCheckpoints(dyingAt(opened.store, "commit", 3)).put(who, large)).rejects.toThrow(
      "died",
    );
    await checkpoints().putWrites(who, {
      ...PLACE,
      id: "none",
      task: "t",
      writes: [{ channel: "x", value: 1 }],
    });
    expect(await opened.store.count(who, "checkpoint.upload/")).toBe(1);
    await checkpoints().prune(who, PLACE, { keep: 1 });
    expect(await opened.store.count(who, "checkpoint.upload/")).toBe(1);
    expect(await opened.store.count(who, "checkpoint.write/")).toBe(1);
    await checkpoints().prune(who, PLACE, { keep: 1, abandonedMs: 0 });
    for (const prefix of ["checkpoint.upload/", "checkpoint.chunk/", "checkpoint.write/"])
      expect(await opened.store.count(who, prefix)).toBe(0);
    expect((await checkpoints().latest(who, PLACE))?.id).toBe("1");
    await checkpoints().put(who, large);
    expect((await checkpoints().latest(who, PLACE))?.values).toEqual(large.values);
  });

  test("there is nothing to prune without the lineage", async () => {
    expect(await checkpoints().prune(newSession(), PLACE, { keep: 1 })).toEqual({
      checkpoints: 0,
      values: 0,
    });
  });
});
