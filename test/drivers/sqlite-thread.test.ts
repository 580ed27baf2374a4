import { renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { readConfig } from "../../drivers/sqlite/config.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import type { Commit, Driver } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { newEventId } from "../../src/process/event-id.js";
import { createStore } from "../../src/store/driver-store.js";
import { soak } from "../soak.js";
import { erased, IDENTITY } from "../store/store-rig.js";
import {
  existingPath,
  failure,
  freshPath,
  inProcess,
  open,
  plainConnection,
  record,
  SLOT,
  save,
} from "./sqlite-rig.js";

/** How many each of eight makes while threads are lost. */
const SAVES = soak(25);

const TIMES = { now: 1_000, window: 1_000 };

const started = vi.hoisted((): Worker[] => []);
vi.mock("node:worker_threads", async (original) => {
  const threads = await original<typeof import("node:worker_threads")>();
  class Watched extends threads.Worker {
    constructor(...given: ConstructorParameters<typeof threads.Worker>) {
      super(...given);
      started.push(this);
    }
  }
  return { ...threads, Worker: Watched };
});

// The next test has threads of its own.
afterEach(async () => {
  await Promise.all(started.splice(0).map((thread) => thread.terminate()));
});

/** Starts the thread, which a lone commit does without. */
async function startThread(driver: Driver): Promise<void> {
  await driver.apply([save({ kind: "one" }), save({ kind: "two" })], TIMES);
}

/** A batch that takes a while. */
function large(): Commit[] {
  return Array.from({ length: 200 }, (_, index) =>
    save({ kind: `large${index}`, bytes: Buffer.alloc(50_000) }),
  );
}

describe("the default", () => {
  test("is a thread for a file and none for a database in memory", async () => {
    expect(readConfig({ path: "a.db" }).thread).toBe("worker");
    expect(readConfig({ path: ":memory:" }).thread).toBe("inline");
    await startThread(await open({ path: freshPath() }));
    expect(started).toHaveLength(1);
    await startThread(await open({ path: ":memory:" }));
    await startThread(await open({ path: freshPath(), thread: "inline" }));
    expect(started).toHaveLength(1);
  });

  test("is not started for a commit that comes alone", async () => {
    const driver = await open({ path: freshPath() });
    await driver.apply([save()], TIMES);
    expect(started).toHaveLength(0);
  });

  test.each([
    { path: ":memory:", thread: "worker" },
    { path: "a.db", thread: "main" },
    { path: "a.db", thread: undefined },
    { path: "a.db", thread: true },
  ])("cannot be replaced by $thread for $path", async (config) => {
    const error = await failure(openSqlite(config as never));
    expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field: "thread" } });
  });
});

describe("errors come across as they are", () => {
  test("when the database is opened", async () => {
    const path = freshPath();
    writeFileSync(path, "this is no database, and long enough to be looked at as one");
    for (const thread of ["worker", "inline"] as const) {
      const error = await failure(openSqlite({ path, thread }));
      expect(error).toBeInstanceOf(StateError);
      expect(error).toMatchObject({ code: "CORRUPT", details: {} });
      expect(error.cause).toBeInstanceOf(Database.SqliteError);
      expect(error.cause).toMatchObject({ code: "SQLITE_NOTADB" });
    }
    const gone = await failure(openSqlite({ path: `${path}/state.db` }));
    expect(gone.cause).toMatchObject({ code: "ENOTDIR", syscall: "stat" });
  });

  test("when a write fails", async () => {
    const path = await existingPath();
    const driver = await open({ path, busyTimeoutMs: 0 });
    plainConnection(path).exec("BEGIN IMMEDIATE");
    const error = await failure(driver.apply([save()], TIMES));
    expect(error).toBeInstanceOf(StateError);
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "busy" }, retryable: true });
    expect(error.cause).toBeInstanceOf(Database.SqliteError);
  });
});

describe("a thread that is lost", () => {
  test("rejects what was under way as unknown, and the next write starts another", async () => {
    const path = await existingPath();
    const driver = await open({ path });
    await driver.apply([save({ kind: "before" })], TIMES);
    await startThread(driver);
    const [thread] = started as [Worker];
    const under = [failure(driver.apply(large(), TIMES)), failure(erased(driver, "acme", "bob", "s1"))];
    await new Promise(setImmediate);
    void thread.terminate();
    for (const error of await Promise.all(under)) {
      expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
    }
    const after = [save({ kind: "after" }), save({ kind: "after" })];
    expect(await driver.apply(after, TIMES)).toEqual([
      { is: "applied", existed: [false] },
      { is: "applied", existed: [true] },
    ]);
    expect(started).toHaveLength(2);
    const found = await driver.read(["before", "after"].map((kind) => ({ ...SLOT, kind })));
    expect(found.every((entry) => entry !== undefined)).toBe(true);
  });

  test("has its reason as the cause", async () => {
    const driver = await open({ path: freshPath() });
    await startThread(driver);
    const [thread] = started as [Worker];
    const under = failure(driver.apply(large(), TIMES));
    await new Promise(setImmediate);
    thread.emit("error", new RangeError("out of memory"));
    await thread.terminate();
    expect((await under).cause).toEqual(new RangeError("out of memory"));
  });

  test("loses and repeats no save of a store, whenever it is lost", async () => {
    const path = await existingPath();
    const store = createStore(await openSqlite({ path }));
    onTestFinished(() => store.close());
    let saved = 0;
    const savers = Array.from({ length: 8 }, async (_, saver) => {
      for (let count = 0; count < SAVES; count++) {
        const bytes = Buffer.from(`${count}`);
        await store.save({
          eventId: newEventId(),
          identity: IDENTITY,
          kind: `k${saver}`,
          bytes,
          version: count,
        });
        saved++;
      }
    });
    let killed = 0;
    const finished = Promise.all(savers).then(() => true);
    for (let seen = 0; !(await Promise.race([finished, sleep(Math.random() * 10, false)])); ) {
      // The next one only once it has done more than what the last one may still have answered.
      if (saved <= seen + 8) continue;
      seen = saved;
      void started.at(-1)?.terminate();
      killed++;
    }
    expect(saved).toBe(8 * SAVES);
    expect(killed).toBeGreaterThan(5);
    for (const { bytes } of await store.list(IDENTITY, "k"))
      expect(Buffer.from(bytes).toString()).toBe(String(SAVES - 1));
    // One memory of each event: none was carried out twice.
    const count = plainConnection(path)
      .prepare("SELECT count(*), count(DISTINCT event_id) FROM seen")
      .raw()
      .get();
    expect(count).toEqual([8 * SAVES, 8 * SAVES]);
  });

  test("is not replaced by one that would make a new database where the old one was", async () => {
    const path = await existingPath();
    const driver = await open({ path });
    await startThread(driver);
    await started[0]?.terminate();
    renameSync(path, `${path}.moved`);
    const error = await failure(driver.apply([save()], TIMES));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("was removed while it was open");
    renameSync(`${path}.moved`, path);
    expect(await driver.apply([save()], TIMES)).toEqual([{ is: "applied", existed: [false] }]);
  });

  test("is not replaced by one that writes into another file", async () => {
    const path = await existingPath();
    const driver = await open({ path });
    await startThread(driver);
    await started[0]?.terminate();
    renameSync(path, `${path}.moved`);
    await (await openSqlite({ path, thread: "inline" }).catch(async () => undefined))?.close();
    rmSync(path, { force: true });
    renameSync(await existingPath(), path);
    const error = await failure(driver.apply([save()], TIMES));
    expect(error.message).toContain("was replaced while it was open");
  });
});

describe("the end", () => {
  test("closing waits for what is under way", async () => {
    const path = await existingPath();
    const driver = await openSqlite({ path });
    await startThread(driver);
    const under = driver.apply([save(), save()], TIMES);
    await driver.close();
    expect(await under).toEqual([
      { is: "applied", existed: [false] },
      { is: "applied", existed: [true] },
    ]);
    // The last to close writes the log into the file.
    expect(() => new Database(`${path}-wal`, { fileMustExist: true })).toThrow();
  });

  test("a thread without files serves the next that is opened, and ends after a while", async () => {
    const exits: number[] = [];
    const used = async () => {
      const driver = await openSqlite({ path: freshPath() });
      await startThread(driver);
      await driver.close();
    };
    await used();
    started[0]?.once("exit", () => exits.push(exits.length));
    await used();
    expect({ started: started.length, exits }).toEqual({ started: 1, exits: [] });
    await expect.poll(() => exits).toEqual([0]);
    await used();
    expect(started).toHaveLength(2);
  });

  test("a write that waits for a lock while the driver is closed starts no other thread", async () => {
    const path = await existingPath();
    const driver = await openSqlite({ path, busyTimeoutMs: 2_000 });
    const other = plainConnection(path);
    other.exec("BEGIN IMMEDIATE");
    const waiting = failure(driver.apply([save()], TIMES));
    await sleep(50);
    await driver.close();
    other.exec("ROLLBACK");
    expect((await waiting).code).toMatch(/^(STORE_CLOSED|OUTCOME_UNKNOWN)$/);
    expect(started).toHaveLength(1);
    expect(other.prepare("SELECT count(*) FROM record").pluck().get()).toBe(0);
  });

  test("a process ends whose threads something else would keep going", async () => {
    const source = `
      const driver = await openSqlite({ path: args.path });
      await driver.apply([saveOf({ eventId: "e1" }), saveOf({ eventId: "e2" })], times());
      await driver.close();
      console.log(JSON.stringify("closed"));
    `;
    const preload =
      "data:text/javascript,import { isMainThread } from 'node:worker_threads'; if (!isMainThread) setInterval(() => {}, 1000);";
    expect(await inProcess(source, { path: freshPath() }, [`--import=${preload}`])).toBe("closed");
  });

  test("closing after the thread was lost is no error", async () => {
    const driver = await openSqlite({ path: freshPath() });
    await startThread(driver);
    await started[0]?.terminate();
    await driver.close();
  });

  test("an open store keeps no finished process alive, and one that waits is not left behind", async () => {
    const args = { path: freshPath(), saved: record({ eventId: "e1" }) };
    const source = `
      const driver = await openSqlite({ path: args.path });
      const outcomes = await driver.apply([saveOf({ eventId: "e0" }), saveOf({ eventId: "e1" })], times());
      console.log(JSON.stringify(outcomes[0]));
    `;
    expect(await inProcess(source, args)).toEqual({ is: "applied", existed: [false] });
    const driver = await open({ path: args.path });
    expect(await driver.readByEventId(IDENTITY, "e1")).toBeDefined();
  });
});
