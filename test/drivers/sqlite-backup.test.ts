import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { backup, openSqlite, type SqliteConfig } from "../../drivers/sqlite/index.js";
import type { StateStore } from "../../src/contract/store.js";
import { retrying } from "../../src/layers/index.js";
import { newEventId } from "../../src/process/event-id.js";
import { createStore } from "../../src/store/driver-store.js";
import { existingPath, failure, folder, freshPath, plainConnection } from "./sqlite-rig.js";

const IDENTITY = { tenant: "acme", user: "ann", session: "s1" };

async function storeOn(config: SqliteConfig): Promise<StateStore> {
  const store = createStore(await openSqlite(config), { layers: [retrying()] });
  onTestFinished(() => store.close());
  return store;
}

async function fill(store: StateStore, count: number, bytes = 1_000): Promise<void> {
  const save = (index: number) =>
    store.save({ eventId: newEventId(), identity: IDENTITY, kind: `k${index}`, bytes: Buffer.alloc(bytes) });
  await Promise.all(Array.from({ length: count }, (_, index) => save(index)));
}

describe("backup", () => {
  test.each<[string, () => SqliteConfig]>([
    ["of a file", () => ({ path: freshPath() })],
    ["of a file written inline", () => ({ path: freshPath(), thread: "inline" })],
    ["of a database in memory", () => ({ path: ":memory:" })],
  ])("%s holds what was acknowledged, for nobody but its owner, and opens", async (_what, config) => {
    const store = await storeOn(config());
    await fill(store, 100);
    const target = freshPath();
    await backup(store, target);
    expect(readdirSync(dirname(target))).toEqual(["state.db"]);
    if (process.platform !== "win32") expect(statSync(target).mode & 0o777).toBe(0o600);
    expect(plainConnection(target).pragma("integrity_check", { simple: true })).toBe("ok");
    const copy = await storeOn({ path: target });
    expect(await copy.list(IDENTITY, "")).toHaveLength(100);
    await fill(copy, 1);
  });

  test("goes on in slices: writes are answered meanwhile, and it is of one moment", async () => {
    const store = await storeOn({ path: freshPath(), thread: "inline" });
    await fill(store, 300, 100_000);
    const target = freshPath();
    let done = false;
    const copied = backup(store, target).finally(() => {
      done = true;
    });
    let between = 0;
    while (!done) {
      const pair = ["a", "b"].map((kind) => ({
        op: "save" as const,
        record: { eventId: newEventId(), identity: IDENTITY, kind, bytes: Buffer.from(`${between}`) },
      }));
      await store.commit(pair);
      between++;
    }
    await copied;
    // In one slice it would be ten or so: the turns before the copy and after it.
    expect(between).toBeGreaterThan(50);
    const copy = await storeOn({ path: target });
    const [a, b] = await Promise.all(["a", "b"].map((kind) => copy.find(IDENTITY, kind)));
    expect(a?.bytes).toEqual(b?.bytes);
    expect(await copy.list(IDENTITY, "k")).toHaveLength(300);
  });

  test.skipIf(process.platform !== "linux")("leaves the store its locks", async () => {
    const path = freshPath();
    const store = await storeOn({ path });
    await fill(store, 3);
    await store.find(IDENTITY, "k1");
    // Other file systems may have a file of this inode, and Postgres locks files too.
    const { dev, ino } = statSync(path);
    const hex = (value: number) => value.toString(16).padStart(2, "0");
    const file = ` ${process.pid} ${hex(dev >> 8)}:${hex(dev & 0xff)}:${ino} `;
    const held = () =>
      readFileSync("/proc/locks", "utf8")
        .split("\n")
        .filter((line) => line.includes(file)).length;
    expect(held()).toBe(1);
    await backup(store, `${path}.copy`);
    expect(held()).toBe(1);
  });

  test("replaces nothing", async () => {
    const store = await storeOn({ path: freshPath() });
    const target = freshPath();
    writeFileSync(target, "kept");
    const error = await failure(backup(store, target));
    expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field: "path" } });
    expect(readdirSync(dirname(target))).toEqual(["state.db"]);
    expect(statSync(target).size).toBe(4);
  });

  test("says what is missing, and leaves nothing", async () => {
    const store = await storeOn({ path: await existingPath() });
    const gone = join(folder(), "missing", "copy.db");
    expect(await failure(backup(store, gone))).toMatchObject({
      code: "UNAVAILABLE",
      details: { reason: "setup" },
    });
    const other = createStore(await openMemory());
    expect(await failure(backup(other, freshPath()))).toMatchObject({ details: { field: "store" } });
    await store.close();
    expect((await failure(backup(store, freshPath()))).code).toBe("STORE_CLOSED");
  });
});
