import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../drivers/sqlite/config.js";
import type { Connection } from "../../drivers/sqlite/connection.js";
import { Engine } from "../../drivers/sqlite/engine.js";
import { databaseFiles, FileGuard } from "../../drivers/sqlite/file-identity.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { loadPackage } from "../../drivers/sqlite/load-package.js";
import { openWriter } from "../../drivers/sqlite/open-writer.js";
import { createStore, isStateError, newEventId } from "../../src/index.js";
import { soak } from "../soak.js";
import { failure, folder, freshPath, open, plainConnection, SLOT, save, startProcess } from "./sqlite-rig.js";

const TIMES = { now: 1_000, window: 1_000 };
const isLinux = process.platform === "linux";
const THREADS = ["worker", "inline"] as const;

/** Copies everything written so far into the database file. */
function checkpoint(path: string): void {
  const connection = new Database(path);
  connection.pragma("wal_checkpoint(PASSIVE)");
  connection.close();
}

function removeLog(path: string): void {
  for (const suffix of ["-wal", "-shm"]) rmSync(`${path}${suffix}`);
}

async function kindsOf(path: string): Promise<unknown[]> {
  const driver = await open({ path });
  const query = { prefix: "", limit: 100, maxBytes: 1e6, reverse: false };
  return (await driver.scan(query)).records.map(({ kind }) => kind);
}

test.runIf(isLinux).each(THREADS)(
  "a log that was removed after all of it was in the database: the next calls go on (%s)",
  async (thread) => {
    const path = freshPath();
    const driver = await openSqlite({ path, thread });
    await driver.apply([save({ kind: "a" })], TIMES);
    for (const [kind, before] of [
      ["b", "a"],
      ["c", "b"],
    ] as const) {
      checkpoint(path);
      removeLog(path);
      expect(await driver.apply([save({ kind })], TIMES)).toEqual([{ is: "applied", existed: [false] }]);
      expect(await driver.read([{ ...SLOT, kind: before }])).toMatchObject([{ kind: before }]);
      expect(existsSync(`${path}-wal`)).toBe(true);
    }
    checkpoint(path);
    removeLog(path);
    const readIt = async () => {
      expect(await driver.read([{ ...SLOT, kind: "c" }])).toMatchObject([{ kind: "c" }]);
      return existsSync(`${path}-wal`);
    };
    await expect.poll(readIt).toBe(true);
    await driver.close();
    expect(await kindsOf(path)).toEqual(["a", "b", "c"]);
  },
);

test.runIf(isLinux)(
  "an index that was removed is made anew from the log, which holds everything",
  async () => {
    const path = freshPath();
    const driver = await openSqlite({ path });
    await driver.apply([save({ kind: "a" })], TIMES);
    rmSync(`${path}-shm`);
    expect(await driver.apply([save({ kind: "b" })], TIMES)).toEqual([{ is: "applied", existed: [false] }]);
    expect(existsSync(`${path}-shm`)).toBe(true);
    await driver.close();
    expect(await kindsOf(path)).toEqual(["a", "b"]);
  },
);

test.each(THREADS)(
  "a log that was removed with commits in it alone: nothing more is acknowledged, and closing saves them (%s)",
  async (thread) => {
    const path = freshPath();
    const driver = await openSqlite({ path, thread });
    await driver.apply([save({ kind: "a" })], TIMES);
    checkpoint(path);
    await driver.apply([save({ kind: "b" })], TIMES);
    removeLog(path);
    const error = await failure(driver.apply([save({ kind: "c" })], TIMES));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain(`${path}-wal was removed`);
    if (isLinux) expect(error.message).toContain("close the store");
    // Another program may write by now what this one would not see.
    await expect.poll(() => driver.read([SLOT]).catch(({ code }) => code)).toBe("UNAVAILABLE");
    await driver.close();
    expect(await kindsOf(path)).toEqual(["a", "b"]);
  },
);

test.runIf(isLinux)("stores of one process go on once each has let go of the removed log", async () => {
  const path = freshPath();
  const [first, second] = [await open({ path }), await open({ path })];
  await first.apply([save({ kind: "a" })], TIMES);
  checkpoint(path);
  removeLog(path);
  const error = await failure(first.apply([save({ kind: "b" })], TIMES));
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
  expect(error.message).toContain("another store");
  await second.apply([save({ kind: "b" })], TIMES);
  await first.apply([save({ kind: "c" })], TIMES);
  for (const driver of [first, second])
    expect(await driver.read(["a", "b", "c"].map((kind) => ({ ...SLOT, kind })))).not.toContain(undefined);
});

test.runIf(isLinux)("a log that another process has begun in its place is joined", async () => {
  const path = freshPath();
  const driver = await open({ path });
  await driver.apply([save({ kind: "a" })], TIMES);
  checkpoint(path);
  removeLog(path);
  const source = `
    const driver = await openSqlite({ path: args.path, thread: "inline" });
    await driver.apply([saveOf({ eventId: "e", kind: "b" })], times());
    console.log("saved");
    setInterval(() => {}, 1000);
  `;
  const other = startProcess(source, { path });
  await once(other.stdout, "data");
  await expect.poll(() => driver.read([{ ...SLOT, kind: "b" }])).toMatchObject([{ eventId: "e" }]);
  await driver.apply([save({ kind: "c" })], TIMES);
  other.kill("SIGKILL");
  await once(other, "exit");
  expect(await kindsOf(path)).toEqual(["a", "b", "c"]);
});

test("commits in a removed log alone are saved by closing, though somebody has read the database meanwhile", async () => {
  const path = freshPath();
  const driver = await openSqlite({ path });
  await driver.apply([save({ kind: "a" })], TIMES);
  checkpoint(path);
  await driver.apply([save({ kind: "b" })], TIMES);
  removeLog(path);
  const read = `new (require("better-sqlite3"))(process.argv[1]).prepare("SELECT count(*) FROM record").get()`;
  execFileSync(process.execPath, ["-e", read, path]);
  expect(statSync(`${path}-wal`).size).toBe(0);
  await driver.close();
  expect(await kindsOf(path)).toEqual(["a", "b"]);
});

test("a log that another process has left in its place is not removed by closing", async () => {
  const path = freshPath();
  const driver = await openSqlite({ path });
  await driver.apply([save({ kind: "a" })], TIMES);
  removeLog(path);
  writeFileSync(`${path}-wal`, "what a process that was killed has left");
  await driver.close();
  expect(statSync(`${path}-wal`).size).toBe(39);
});

/** The connection, told before each COMMIT. */
function watched(connection: Connection, beforeCommit: () => void): Connection {
  const prepare = (sql: string) => {
    const statement = connection.prepare(sql);
    if (sql !== "COMMIT") return statement;
    const run = () => {
      beforeCommit();
      return statement.run();
    };
    return { run } as unknown as typeof statement;
  };
  return new Proxy(connection, {
    get: (_, name) => {
      if (name === "prepare") return prepare;
      const value = Reflect.get(connection, name);
      return typeof value === "function" ? value.bind(connection) : value;
    },
  });
}

test("files that vanish as soon as they were opened are reported as a setup problem", async () => {
  const path = freshPath();
  const driver = await openSqlite({ path });
  await driver.close();
  for (const gone of ["-wal", ""]) {
    rmSync(`${path}${gone}`, { force: true });
    const error = await failure(Promise.resolve().then(() => databaseFiles(path)));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
  }
});

test.each(["-wal", "-shm", ""])(
  "what is committed while the file %s is removed is not acknowledged",
  async (suffix) => {
    const path = freshPath();
    const connection = await openWriter((await loadPackage()).connect, readConfig({ path }));
    onTestFinished(() => {
      connection.close();
    });
    const removing = watched(connection, () => rmSync(`${path}${suffix}`));
    const engine = new Engine(removing, new FileGuard(databaseFiles(path)));
    const caught = await failure((async () => engine.apply([save()], TIMES))());
    expect(caught).toMatchObject({ code: "OUTCOME_UNKNOWN", cause: { code: "UNAVAILABLE" } });
  },
);

/** Another copy of better-sqlite3, which does not know the connections of the first. */
function anotherLibrary(): typeof Database {
  const packages = join(folder(), "node_modules");
  const require = createRequire(import.meta.url);
  for (const name of ["better-sqlite3", "bindings", "file-uri-to-path"]) {
    const place = dirname(createRequire(require.resolve("better-sqlite3")).resolve(`${name}/package.json`));
    cpSync(place, join(packages, name), {
      recursive: true,
      dereference: true,
      filter: (path) => !path.includes("/deps") && !path.includes("/obj"),
    });
  }
  return createRequire(join(packages, "x.js"))("better-sqlite3");
}

test.runIf(isLinux)(
  "another library removes the log time and again while a store saves: nothing is lost",
  async () => {
    const Other = anotherLibrary();
    const path = freshPath();
    let store = createStore(await openSqlite({ path }));
    const identity = { tenant: "acme", user: "ann", session: "s1" };
    const acknowledged: string[] = [];
    let reopened = 0;
    let removed = 0;
    let log = statSync(`${path}-wal`).ino;
    for (let round = 0; round < soak(6); round++) {
      const saves = Array.from({ length: 4 }, (_, index) => {
        const kind = `k${round}/${index}`;
        const saving = store.save({ eventId: newEventId(), identity, kind, bytes: Buffer.from(kind) });
        return saving.then(
          () => void acknowledged.push(kind),
          (error) => {
            if (!isStateError(error)) throw error;
            return error.code;
          },
        );
      });
      await Promise.race(saves);
      const other = new Other(path);
      other.prepare("SELECT count(*) FROM record").get();
      other.close();
      const outcomes = await Promise.all(saves);
      const now = statSync(`${path}-wal`, { throwIfNoEntry: false })?.ino;
      if (now !== log) removed++;
      log = now ?? 0;
      // It cannot go on by itself where it was in the middle of a commit.
      if (!outcomes.includes("UNAVAILABLE") && !outcomes.includes("OUTCOME_UNKNOWN")) continue;
      await store.close();
      store = createStore(await openSqlite({ path }));
      reopened++;
    }
    const kept = new Set((await store.list(identity, "k", { limit: 10_000 })).map(({ kind }) => kind));
    await store.close();
    expect(acknowledged.filter((kind) => !kept.has(kind))).toEqual([]);
    expect(removed).toBeGreaterThan(1);
    expect(reopened).toBeLessThan(removed);
    expect(plainConnection(path).pragma("integrity_check", { simple: true })).toBe("ok");
  },
);
