import { randomUUID } from "node:crypto";
import { copyFileSync, existsSync, linkSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../drivers/sqlite/config.js";
import type { Connection, Statement } from "../../drivers/sqlite/connection.js";
import { Engine } from "../../drivers/sqlite/engine.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { loadPackage } from "../../drivers/sqlite/load-package.js";
import { retryWhileLocked } from "../../drivers/sqlite/lock-wait.js";
import { openWriter } from "../../drivers/sqlite/open-writer.js";
import { isStateError, StateError, type StateErrorCode } from "../../src/contract/errors.js";
import { ownTime } from "../own-time.js";
import { erased } from "../store/store-rig.js";
import { existingPath, failure, freshPath, open, plainConnection, SLOT, save } from "./sqlite-rig.js";

const TIMES = { now: 1_000, window: 1_000 };

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** An engine and its connection, on which a test can inject faults. */
async function engineOn(path: string) {
  const connection = await openWriter((await loadPackage()).connect, readConfig({ path }));
  onTestFinished(() => {
    connection.close();
  });
  return { connection, engine: new Engine(connection) };
}

/** The connection, but its COMMIT fails. */
function failingCommit(connection: Connection, code: string, committed = false): Connection {
  const prepare = (sql: string): Statement => {
    const statement = connection.prepare(sql);
    if (sql !== "COMMIT") return statement;
    const run = () => {
      if (committed) statement.run();
      throw new Database.SqliteError("staged", code);
    };
    return { run } as unknown as Statement;
  };
  return {
    prepare,
    exec: connection.exec.bind(connection),
    pragma: connection.pragma.bind(connection),
    close: connection.close.bind(connection),
    get inTransaction() {
      return connection.inTransaction;
    },
  };
}

describe("a transaction that fails", () => {
  test("for lack of disk space writes nothing, and a smaller one succeeds", async () => {
    const path = await existingPath();
    const { connection, engine } = await engineOn(path);
    connection.exec("PRAGMA max_page_count = 20");
    const large = save({ kind: "large", bytes: Buffer.alloc(1_000_000) });
    const error = thrown(() => engine.apply([save({ eventId: "beside" }), large], TIMES));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "refused" } });
    expect(connection.inTransaction).toBe(false);
    expect(plainConnection(path).prepare("SELECT count(*) FROM record").pluck().get()).toBe(0);
    expect(engine.apply([save({ eventId: "beside" })], TIMES)).toEqual([{ is: "applied", existed: [false] }]);
  });

  test.each<[string, boolean, StateErrorCode]>([
    ["SQLITE_BUSY", false, "UNAVAILABLE"],
    ["SQLITE_FULL", false, "UNAVAILABLE"],
    ["SQLITE_IOERR_FSYNC", false, "OUTCOME_UNKNOWN"],
    ["SQLITE_IOERR_WRITE", true, "OUTCOME_UNKNOWN"],
  ])("at its commit with %s (committed: %s) is %s", async (code, committed, expected) => {
    const { connection } = await engineOn(await existingPath());
    const engine = new Engine(failingCommit(connection, code, committed));
    const error = thrown(() => engine.apply([save()], TIMES));
    expect(isStateError(error, expected)).toBe(true);
    expect(connection.inTransaction).toBe(false);
    expect(new Engine(connection).apply([save()], TIMES)).toEqual([{ is: "applied", existed: [committed] }]);
  });

  test("names SQLite's code, and no value", async () => {
    const { connection } = await engineOn(await existingPath());
    const engine = new Engine(failingCommit(connection, "SQLITE_FULL"));
    const error = thrown(() => engine.apply([save({ kind: "secret" })], TIMES)) as Error;
    expect(error.message).toContain("SQLITE_FULL");
    expect(error.message).not.toContain("secret");
    expect(error.cause).toBeInstanceOf(Database.SqliteError);
  });
});

describe("a file that is not there any more", () => {
  test("removed: nothing is acknowledged that would be lost", async () => {
    const path = freshPath();
    const driver = await open({ path });
    await driver.apply([save()], TIMES);
    rmSync(path);
    const error = await failure(driver.apply([save()], TIMES));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("removed");
    expect((await failure(erased(driver, "acme", "ann", "s1"))).code).toBe("UNAVAILABLE");
  });

  test("its log removed: nothing is acknowledged that would be lost", async () => {
    const path = freshPath();
    const driver = await open({ path });
    await driver.apply([save()], TIMES);
    rmSync(`${path}-wal`);
    const error = await failure(driver.apply([save()], TIMES));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain(`${path}-wal`);
  });

  test("with two names, each of which would have its own log", async () => {
    const path = await existingPath();
    linkSync(path, `${path}.other`);
    for (const name of [path, `${path}.other`]) {
      const error = await failure(openSqlite({ path: name, busyTimeoutMs: 20 }));
      expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "busy" } });
      expect(error.message).toContain("hard link");
    }
    rmSync(`${path}.other`);
    await open({ path });
  });

  test("which still has its draft name, because its process was killed: only that name is removed", async () => {
    const path = await existingPath();
    const draft = `${path}.new-${randomUUID()}`;
    for (const name of [draft, `${path}.new-copy`]) linkSync(path, name);
    expect((await failure(openSqlite({ path, busyTimeoutMs: 20 }))).message).toContain("hard link");
    expect(readdirSync(dirname(path)).sort()).toEqual(["state.db", "state.db.new-copy"]);
    rmSync(`${path}.new-copy`);
    linkSync(path, draft);
    await open({ path });
    expect(existsSync(draft)).toBe(false);
  });

  test("with the unfinished draft of another process, which stays", async () => {
    const path = await existingPath();
    const drafts = [1, 2].map(() => `${path}.new-${randomUUID()}`) as [string, string];
    linkSync(path, drafts[0]);
    copyFileSync(path, drafts[1]);
    await open({ path });
    expect(drafts.map((draft) => existsSync(draft))).toEqual([false, true]);
  });

  test("its log removed when nothing else in the folder has changed for a while", async () => {
    const path = await existingPath();
    const driver = await open({ path, thread: "inline" });
    await driver.apply([save({ kind: "before" })], TIMES);
    await sleep(2_200);
    await driver.apply([save({ kind: "quiet" })], TIMES);
    rmSync(`${path}-wal`);
    expect((await failure(driver.apply([save()], TIMES))).message).toContain("removed");
  });

  test("replaced by another, and put back", async () => {
    const path = freshPath();
    const driver = await open({ path });
    await driver.apply([save()], TIMES);
    renameSync(path, `${path}.kept`);
    copyFileSync(`${path}.kept`, path);
    expect((await failure(driver.apply([save()], TIMES))).message).toContain("replaced");
    renameSync(`${path}.kept`, path);
    expect(await driver.apply([save()], TIMES)).toEqual([{ is: "applied", existed: [true] }]);
  });
});

describe("a lock that another connection holds", () => {
  test("that stays is waited for until the timeout, while the event loop is free", async () => {
    const path = await existingPath();
    const driver = await open({ path, busyTimeoutMs: 400 });
    plainConnection(path).exec("BEGIN IMMEDIATE");
    const turnsWhileItWaits = async (): Promise<number> => {
      let turns = 0;
      const turn = (): void => {
        turns++;
        turning = setImmediate(turn);
      };
      let turning = setImmediate(turn);
      const [start, startOwn] = [performance.now(), ownTime()];
      const error = await failure(driver.apply([save()], TIMES));
      const [waited, waitedOwn] = [performance.now() - start, ownTime() - startOwn];
      clearImmediate(turning);
      expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "busy" }, retryable: true });
      expect(waited).toBeGreaterThanOrEqual(390);
      expect(waitedOwn).toBeLessThan(2_000);
      return turns;
    };
    // A wait that holds the event loop leaves it a hundred turns, each time; a free one takes a hundred thousand, if others
    // leave this process the machine.
    let most = 0;
    for (let time = 0; time < 20 && most <= 2_000; time++) most = Math.max(most, await turnsWhileItWaits());
    expect(most).toBeGreaterThan(2_000);
    // Reads need no lock.
    expect(await driver.read([SLOT])).toEqual([undefined]);
  });

  test("is retried more often the longer the wait", async () => {
    const tries: number[] = [];
    const busy = new StateError("UNAVAILABLE", "held", { details: { reason: "busy" } });
    const work = (waitedMs: number) => {
      tries.push(waitedMs);
      throw busy;
    };
    await expect(retryWhileLocked(work, 600)).rejects.toBe(busy);
    const early = tries.filter((waitedMs) => waitedMs > 60 && waitedMs <= 240);
    const late = tries.filter((waitedMs) => waitedMs > 420);
    expect(late.length).toBeGreaterThan(early.length * 2);
  });

  test("that is released is waited for", async () => {
    const path = await existingPath();
    const driver = await open({ path });
    const other = plainConnection(path);
    other.exec("BEGIN IMMEDIATE");
    setTimeout(() => other.exec("COMMIT"), 100);
    expect(await driver.apply([save()], TIMES)).toEqual([{ is: "applied", existed: [false] }]);
    // It is remembered from when it was saved, and not from when it was asked for.
    const { saved_at } = other.prepare("SELECT saved_at FROM seen").get() as { saved_at: number };
    expect(saved_at).toBeGreaterThanOrEqual(TIMES.now + 90);
    other.exec("BEGIN IMMEDIATE");
    setTimeout(() => other.exec("COMMIT"), 50);
    expect(await erased(driver, "acme", "ann", "s1")).toBe(1);
  });

  test("on the whole file: opening waits too, and then says so", async () => {
    const path = await existingPath();
    plainConnection(path).exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    const error = await failure(open({ path, busyTimeoutMs: 100 }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "busy" } });
  });

  test("does not fail opening, if it blocks writes only", async () => {
    const path = await existingPath();
    plainConnection(path).exec("BEGIN IMMEDIATE");
    const driver = await open({ path, busyTimeoutMs: 0 });
    expect(await driver.read([SLOT])).toEqual([undefined]);
  });
});
