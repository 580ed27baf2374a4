import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test, vi } from "vitest";
import { CacheShares } from "../../drivers/sqlite/cache-shares.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import type { Driver } from "../../src/contract/driver.js";
import { failure, folder, open, SLOT, save } from "./sqlite-rig.js";

const TIMES = { now: 1_000, window: 1_000 };
const APPLIED = [{ is: "applied", existed: [false] }];

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

/** Opened, and with a thread each or shared. */
async function openMany(count: number): Promise<Driver[]> {
  const place = folder();
  const drivers: Driver[] = [];
  for (let index = 0; index < count; index++) {
    const driver = await open({ path: join(place, `${index}.db`) });
    await inThread(driver, { kind: "first" });
    drivers.push(driver);
  }
  return drivers;
}

/** A batch, which is written in a thread, unlike a commit that is alone. */
async function inThread(driver: Driver, fields: Parameters<typeof save>[0] = {}): Promise<unknown> {
  const [outcome] = await driver.apply([save(fields), save({ kind: "beside it" })], TIMES);
  return [outcome];
}

describe("many files in one process", () => {
  test("share a few threads, and each finds its own records", async () => {
    const drivers = await openMany(12);
    expect(started).toHaveLength(4);
    const writes = drivers.map((driver, index) => inThread(driver, { version: index }));
    expect(await Promise.all(writes)).toEqual(drivers.map(() => APPLIED));
    const found = await Promise.all(drivers.map(async (driver) => (await driver.read([SLOT]))[0]?.version));
    expect(found).toEqual(drivers.map((_, index) => index));
  });

  test("when a thread is lost, writes of all its files have unknown outcomes, and each file goes on in another thread", async () => {
    const drivers = await openMany(8);
    for (const thread of started.slice(0, 4)) void thread.terminate();
    const outcomes = await Promise.allSettled(drivers.map((driver) => inThread(driver)));
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    }
    const again = await Promise.all(drivers.map((driver) => inThread(driver, { kind: "again" })));
    expect(again).toEqual(drivers.map(() => APPLIED));
    expect(started).toHaveLength(8);
  });

  test("closing one leaves its neighbours in the thread alone", async () => {
    const place = folder();
    const drivers = await Promise.all(
      Array.from({ length: 5 }, (_, index) => openSqlite({ path: join(place, `${index}.db`) })),
    );
    for (const driver of drivers) await inThread(driver, { kind: "first" });
    for (const driver of drivers.slice(0, 4)) await driver.close();
    expect(await inThread(drivers[4] as Driver)).toEqual(APPLIED);
    await drivers[4]?.close();
  });

  test("one that cannot be opened takes no thread along", async () => {
    const drivers = await openMany(4);
    const error = await failure(openSqlite({ path: join(folder(), "none.db"), migrate: "verify" }));
    expect(error.code).toBe("UNAVAILABLE");
    for (const driver of drivers) expect(await inThread(driver)).toEqual(APPLIED);
    expect(started).toHaveLength(4);
  });
});

test("cache memory is divided among the open connections", () => {
  const limits = new Map<string, number>();
  const member = (name: string) => ({ limitCache: (kib: number) => void limits.set(name, kib) });
  const caches = new CacheShares(64_000, 16_000);
  const members = Array.from({ length: 64 }, (_, index) => member(`m${index}`));
  caches.add(members[0] as (typeof members)[0]);
  expect(limits.get("m0")).toBe(16_000);
  for (const each of members.slice(1)) caches.add(each);
  const total = [...limits.values()].reduce((sum, each) => sum + each);
  expect(total).toBeLessThanOrEqual(2 * 64_000);
  for (const each of members.slice(1)) caches.remove(each);
  expect(limits.get("m0")).toBe(16_000);
});

test.skipIf(process.platform !== "linux")("too many open files are an error that says so", async () => {
  const { execFile } = await import("node:child_process");
  const { promisify } = await import("node:util");
  const built = new URL("../../dist/drivers/sqlite/index.js", import.meta.url).href;
  const place = folder();
  const source = `
    import { openSqlite } from ${JSON.stringify(built)};
    let failed;
    for (let i = 0; failed === undefined && i < 100; i++)
      await openSqlite({ path: ${JSON.stringify(place)} + "/" + i + ".db", thread: "inline" }).catch((error) => { failed = error; });
    console.log(JSON.stringify({ code: failed.code, details: failed.details, message: failed.message }));
  `;
  const command = 'ulimit -n 120; exec "$0" --input-type=module -e "$1"';
  const { stdout } = await promisify(execFile)("sh", ["-c", command, process.execPath, source]);
  expect(JSON.parse(stdout)).toMatchObject({
    code: "UNAVAILABLE",
    details: { reason: "setup" },
    message: expect.stringContaining("ulimit -n"),
  });
  expect(readdirSync(place).length).toBeGreaterThan(10);
  expect(readFileSync(join(place, "0.db")).subarray(0, 6).toString()).toBe("SQLite");
});
