import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import "../../drivers/index.js";
import { createCheckpoints } from "../../src/checkpoints/index.js";
import { maintenanceScope, openStore, type StateStore } from "../../src/index.js";
import { dyingAt, withMethods } from "../sessions/rig.js";
import { losingAnswers, untilKnown } from "../typed/lost-answers.js";
import { inMemory, newSession, onSharedStores } from "../typed/stores.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PLACE = { lineage: "thread" };
const MIB = 1024 * 1024;
const BYTES = { version: 0, encode: (value: Uint8Array) => value, decode: (bytes: Uint8Array) => bytes };

/** Bytes that no two channels have in common. */
function filled(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 64) bytes[at] = (at / 64 + seed) % 251;
  return bytes;
}

/** Without the comparison of each byte by the test runner, which takes seconds for a mebibyte. */
function sameBytes(
  found: Readonly<Record<string, Uint8Array>> | undefined,
  given: Readonly<Record<string, Uint8Array>>,
): boolean {
  const channels = Object.keys({ ...found, ...given });
  const none = new Uint8Array([0]);
  return channels.every((channel) => Buffer.compare(found?.[channel] ?? none, given[channel] ?? none) === 0);
}

inMemory((opened) => {
  test("300 channels of 20 MiB together are read as they were put", async () => {
    const saved = createCheckpoints<Uint8Array>(opened.store, { codec: BYTES });
    const who = newSession();
    const values: Record<string, Uint8Array> = { large: filled(12 * MIB + 1, 1), medium: filled(2 * MIB, 2) };
    for (let channel = 0; channel < 298; channel++)
      values[`channel ${channel}`] = filled(20 * 1024, channel + 3);
    await saved.put(who, { ...PLACE, id: "c-1", values });
    const first = await saved.latest(who, PLACE);
    expect(Object.keys(first?.values ?? {})).toHaveLength(300);
    expect(sameBytes(first?.values, values)).toBe(true);
    const count = () => opened.store.count(who, "checkpoint.chunk/");
    const chunks = await count();
    await saved.put(who, {
      ...PLACE,
      id: "c-2",
      parent: "c-1",
      values: { ...values, "channel 0": filled(10, 9) },
    });
    expect(await count()).toBe(chunks);
    expect((await saved.latest(who, PLACE))?.values["channel 0"]).toEqual(filled(10, 9));
  });
});

test("a put that stops at any commit leaves the checkpoint before it, and the same call goes on", async () => {
  const store = await openStore("memory:");
  const scope = maintenanceScope({ reason: "tidy", allTenants: true });
  const saved = createCheckpoints<Uint8Array>(store, { codec: BYTES });
  const large = {
    ...PLACE,
    id: "c-2",
    parent: "c-1",
    values: { a: filled(9_000, 1), b: filled(9_000_000, 2) },
  };
  for (let call = 1; ; call++) {
    const who = newSession();
    await saved.put(who, { ...PLACE, id: "c-1", values: { a: filled(5, 5) } });
    const dying = createCheckpoints<Uint8Array>(dyingAt(store, "commit", call), { codec: BYTES });
    const died = await dying.put(who, large).then(
      () => false,
      () => true,
    );
    if (died) expect((await saved.latest(who, PLACE))?.id).toBe("c-1");
    const abandon = call % 2 === 0;
    if (abandon) {
      await saved.recover(scope, { abandonedMs: 0 });
      expect(await store.count(who, "checkpoint.upload/")).toBe(0);
    }
    expect((await saved.put(who, large)).duplicate).toBe(!died);
    expect(sameBytes((await saved.latest(who, PLACE))?.values, large.values)).toBe(true);
    if (!died) {
      expect(call).toBeGreaterThan(4);
      break;
    }
  }
});

test("an upload that is abandoned while it goes on, and then dies, leaves nothing", async () => {
  const store = await openStore("memory:");
  const scope = maintenanceScope({ reason: "tidy", allTenants: true });
  const who = newSession();
  const saved = createCheckpoints<Uint8Array>(store, { codec: BYTES });
  let commits = 0;
  const commit: StateStore["commit"] = async (changes, options) => {
    // Of the lineage, of the upload, of its first chunks.
    if (++commits === 4) await saved.recover(scope, { abandonedMs: 0 });
    if (commits === 5) throw new Error("the process died");
    return store.commit(changes, options);
  };
  const dying = createCheckpoints<Uint8Array>(withMethods(store, { commit }), { codec: BYTES });
  const put = dying.put(who, { ...PLACE, id: "c-1", values: { large: filled(20_000_000, 1) } });
  await expect(put).rejects.toThrow("died");
  await saved.recover(scope, { abandonedMs: 0 });
  expect(await store.count(who, "checkpoint.chunk/")).toBe(0);
});

test("over a connection that loses answers a large put happens once", async () => {
  const store = await openStore("memory:", { maxBytes: 4_096 });
  const who = newSession();
  const unreliable = losingAnswers(store, { requests: 0.3, replies: 0.3 });
  const saved = createCheckpoints<Uint8Array>(unreliable, { codec: BYTES });
  const large = { ...PLACE, id: "c-1", values: { large: filled(50_000, 1) } };
  const tasks = [{ task: "t", writes: [{ channel: "x", value: filled(20_000, 2) }] }];
  await untilKnown(() => saved.putAll(who, large, tasks));
  expect(await untilKnown(() => saved.putAll(who, large, tasks))).toEqual({ id: "c-1", duplicate: true });
  const tuple = await createCheckpoints<Uint8Array>(store, { codec: BYTES }).tuple(who, PLACE);
  expect(sameBytes(tuple?.checkpoint.values, large.values)).toBe(true);
  expect(tuple?.writes.map(({ value }) => value)).toEqual([filled(20_000, 2)]);
  expect(await store.count(who, "checkpoint.upload/")).toBe(0);
});

test("two callers who put the same large value at once both have it", async () => {
  const store = await openStore("memory:", { maxBytes: 4_096 });
  const saved = createCheckpoints<Uint8Array>(store, { codec: BYTES });
  const who = newSession();
  const put = (id: string) => saved.put(who, { ...PLACE, id, values: { large: filled(50_000, 1) } });
  await Promise.all(["a", "b", "c", "d"].map(put));
  for (const id of ["a", "b", "c", "d"])
    expect((await saved.get(who, { ...PLACE, id })).values).toEqual({ large: filled(50_000, 1) });
  expect(await store.count(who, "checkpoint.upload/")).toBe(0);
});

test("a chunk that is missing, or that is another's, is CORRUPT and names its slot", async () => {
  const store = await openStore("memory:", { maxBytes: 4_096 });
  const saved = createCheckpoints<Uint8Array>(store, { codec: BYTES });
  const who = newSession();
  await saved.put(who, { ...PLACE, id: "c-1", values: { large: filled(10_000, 1) } });
  const [first, second] = await store.list(who, "checkpoint.chunk/");
  if (first === undefined || second === undefined) throw new Error("too few chunks");
  await store.save({ ...first, eventId: "swapped", bytes: filled(4_096, 7) });
  await expect(saved.latest(who, PLACE)).rejects.toMatchObject({ code: "CORRUPT" });
  await store.delete(who, second.kind);
  await expect(saved.latest(who, PLACE)).rejects.toMatchObject({
    code: "CORRUPT",
    details: { at: { kind: second.kind } },
  });
});

onSharedStores((opened) => {
  test("a process that is killed in the middle of a large put leaves the checkpoint before it", async () => {
    const who = newSession();
    const saved = createCheckpoints(opened.store);
    await saved.put(who, { ...PLACE, id: "c-1", values: { a: 1 } });
    const values = { b: "x".repeat(20 * MIB) };
    await killedInPut(opened.url, who, values.b.length);
    expect(await opened.store.count(who, "checkpoint.chunk/")).toBeGreaterThan(0);
    expect(await saved.tuple(who, PLACE)).toMatchObject({ checkpoint: { id: "c-1", values: { a: 1 } } });
    await saved.prune(who, PLACE, { keep: 1, abandonedMs: 0 });
    expect(await opened.store.count(who, "checkpoint.chunk/")).toBe(0);
    await saved.put(who, { ...PLACE, id: "c-2", values });
    expect((await saved.latest(who, PLACE))?.values).toEqual(values);
  });
});

/** Puts 20 MiB in a process that kills itself when a part is written. */
async function killedInPut(url: string, who: object, length: number): Promise<void> {
  const source = `
    import { openStore } from "groundstate";
    import "groundstate/drivers";
    import { createCheckpoints } from "groundstate/checkpoints";
    const { url, who, length } = JSON.parse(process.argv[1]);
    const store = await openStore(url);
    let commits = 0;
    const counting = new Proxy(store, {
      get(target, name) {
        const method = target[name];
        if (typeof method !== "function") return method;
        return async (...args) => {
          const result = await method.apply(target, args);
          if (name === "commit" && ++commits === 4) process.kill(process.pid, "SIGKILL");
          return result;
        };
      },
    });
    const saved = createCheckpoints(counting);
    await saved.put(who, { lineage: "thread", id: "c-2", parent: "c-1", values: { b: "x".repeat(length) } });
  `;
  const args = ["--input-type=module", "-e", source, JSON.stringify({ url, who, length })];
  const signal = await new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: ROOT }, (error) => resolve(error?.signal));
  });
  expect(signal).toBe("SIGKILL");
}
