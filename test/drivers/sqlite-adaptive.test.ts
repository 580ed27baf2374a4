import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { AdaptiveWriter, type FarWriter } from "../../drivers/sqlite/adaptive-writer.js";
import { CommitPace } from "../../drivers/sqlite/commit-pace.js";
import type { Engine } from "../../drivers/sqlite/engine.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import type { Commit, Outcome } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { newEventId } from "../../src/process/event-id.js";
import { createStore } from "../../src/store/driver-store.js";
import { IDENTITY } from "../store/store-rig.js";
import { commit, freshPath, open, plainConnection, SLOT, save } from "./sqlite-rig.js";

const TIMES = { now: 1_000, window: 86_400_000 };
const APPLIED: readonly Outcome[] = [{ is: "applied", existed: [false] }];

/** The requests that each worker thread got. */
const requests = vi.hoisted((): string[] => []);
vi.mock("node:worker_threads", async (original) => {
  const threads = await original<typeof import("node:worker_threads")>();
  class Watched extends threads.Worker {
    override postMessage(...given: Parameters<Worker["postMessage"]>): void {
      requests.push((given[0] as { op: string }).op);
      super.postMessage(...given);
    }
  }
  return { ...threads, Worker: Watched };
});

afterEach(() => {
  requests.length = 0;
});

/** A writer of which both ends say what they do. */
function rig({ pace = new CommitPace() } = {}) {
  const made: string[] = [];
  let fails: unknown;
  const held: (() => void)[] = [];
  const far: FarWriter & { isReady: boolean } = {
    isReady: true,
    settled: async () => {},
    start: () => void made.push("started"),
    apply: async () => {
      made.push("far");
      return APPLIED;
    },
    sweep: () => new Promise((resolve) => held.push(() => resolve({ removed: 0, more: false }))),
    backup: () => new Promise((resolve) => held.push(resolve)),
    giveBack: async () => ({ more: false }),
    emptyLog: async () => {},
    close: () => void made.push("far closed"),
  };
  const near = {
    apply() {
      if (fails !== undefined) throw fails;
      made.push("near");
      return APPLIED;
    },
    close: () => void made.push("near closed"),
  } as unknown as Engine;
  const writer = new AdaptiveWriter(far, near, () => {}, pace);
  const apply = (...commits: Commit[]) => writer.apply(commits, TIMES);
  return {
    writer,
    far,
    made,
    apply,
    settle: () => {
      for (const resolve of held.splice(0)) resolve();
    },
    fail: (error: unknown) => {
      fails = error;
    },
    /** Lone saves, one after another, and where they were made. */
    async lone(count: number): Promise<readonly string[]> {
      made.length = 0;
      for (let index = 0; index < count; index++) await apply(save());
      return [...made];
    },
  };
}

const BUSY = new StateError("UNAVAILABLE", "locked", { details: { reason: "busy" } });
const GONE = new StateError("UNAVAILABLE", "gone", { details: { reason: "setup" } });
const UNKNOWN = new StateError("OUTCOME_UNKNOWN", "unknown", { details: {} });

test("lone commits are made here", async () => {
  const { lone } = rig();
  expect(await lone(2)).toEqual(["near", "near"]);
});

test("batches, large commits and erases are made there", async () => {
  const { apply, made } = rig();
  made.length = 0;
  const many = Array.from({ length: 17 }, (_, index) => ({
    op: "delete" as const,
    slot: { ...SLOT, kind: `k${index}` },
  }));
  const { tenant, user, session } = SLOT;
  await apply(save(), save());
  await apply(save({ bytes: Buffer.alloc(64 * 1024 + 1) }));
  await apply(commit(...many));
  await apply(commit({ op: "erase", session: { tenant, user, session } }));
  expect(made).toEqual(["far", "far", "far", "far"]);
  await apply(save({ bytes: Buffer.alloc(64 * 1024) }));
  expect(made.at(-1)).toBe("near");
});

test.each(["backup", "sweep"] as const)(
  "all commits are made there while a %s is under way",
  async (work) => {
    const { lone, writer, settle } = rig();
    const done = work === "backup" ? writer.backup("copy") : writer.sweep(SLOT);
    expect(await lone(3)).toEqual(["far", "far", "far"]);
    settle();
    await done;
    expect(await lone(1)).toEqual(["near"]);
  },
);

test("every so many commits and bytes one is made there, which copies the log", async () => {
  const { lone, apply, made } = rig();
  const places = await lone(1_100);
  expect(places.filter((place) => place === "far")).toHaveLength(2);
  await apply(save(), save());
  made.length = 0;
  for (let index = 0; index < 256; index++) await apply(save({ bytes: Buffer.alloc(64 * 1024) }));
  expect(made.filter((place) => place === "far")).toHaveLength(2);
});

test("after a commit that meets a lock, the next few are made there", async () => {
  const { lone, fail, apply } = rig();
  fail(BUSY);
  expect(() => apply(save())).toThrow(BUSY);
  fail(undefined);
  expect(await lone(18)).toEqual([...Array(16).fill("far"), "near", "near"]);
});

test("until the other thread has started, lone commits are made here, however slow", async () => {
  const { lone, far, fail, apply } = rig();
  fail(BUSY);
  expect(() => apply(save())).toThrow(BUSY);
  fail(undefined);
  far.isReady = false;
  expect(await lone(2)).toEqual(["started", "near", "started", "near"]);
  far.isReady = true;
  expect(await lone(1)).toEqual(["far"]);
});

test("a commit that cannot be made here is made there, and the connection stays open", async () => {
  const { lone, fail } = rig();
  fail(GONE);
  expect(await lone(2)).toEqual(["far", "far"]);
  fail(undefined);
  expect(await lone(1)).toEqual(["near"]);
});

test("an outcome that is not known is not tried again", async () => {
  const { fail, apply, made } = rig();
  made.length = 0;
  fail(UNKNOWN);
  expect(() => apply(save())).toThrow(UNKNOWN);
  expect(made).toEqual([]);
});

test("after the close nothing is made here", async () => {
  const { lone, writer } = rig();
  await writer.close();
  expect(await lone(1)).toEqual(["far"]);
});

test("a slow disk is noticed at once, and tried ever less often", () => {
  const pace = new CommitPace();
  const triedAfter = () => {
    let rest = 0;
    while (!pace.next()) rest++;
    return rest;
  };
  const slow = () => {
    let tries = 0;
    do {
      pace.took(4);
      tries++;
    } while (pace.next());
    return tries;
  };
  expect(triedAfter()).toBe(0);
  expect(slow()).toBe(1);
  expect([63, 127, 255].map((rest) => [rest, triedAfter(), slow()])).toEqual([
    [63, 63, 1],
    [127, 127, 1],
    [255, 255, 1],
  ]);
});

test("one pause of a quick disk changes nothing", () => {
  const pace = new CommitPace();
  for (let index = 0; index < 100; index++) pace.took(0.1);
  pace.took(200);
  expect(pace.next()).toBe(true);
});

test("of a store, lone saves take no request to the thread, and many at once take few", async () => {
  const store = createStore(await openSqlite({ path: freshPath() }));
  onTestFinished(() => store.close());
  const saveOne = (kind: string) =>
    store.save({ eventId: newEventId(), identity: IDENTITY, kind, bytes: Buffer.from(kind) });
  await saveOne("first");
  expect(requests).toEqual([]);
  await Promise.all(Array.from({ length: 64 }, (_, index) => saveOne(`k${index}`)));
  expect(requests.slice(0, 2)).toEqual(["open", "apply"]);
  expect((await store.list(IDENTITY, "k")).length).toBe(64);
});

test("a lock that another process holds is waited for without blocking this thread", async () => {
  const path = freshPath();
  const driver = await open({ path });
  await driver.apply([save()], TIMES);
  const other = plainConnection(path);
  other.exec("BEGIN IMMEDIATE");
  const saved = driver.apply([save({ kind: "waits" })], TIMES);
  // Timers go off meanwhile.
  await sleep(50);
  other.exec("COMMIT");
  expect(await saved).toEqual([{ is: "applied", existed: [false] }]);
});

test("a log that is removed between two lone saves loses neither", async () => {
  const path = freshPath();
  const driver = await open({ path });
  await driver.apply([save({ kind: "before" })], TIMES);
  const other = new Database(path);
  other.pragma("wal_checkpoint(FULL)");
  other.close();
  for (const end of ["-wal", "-shm"]) rmSync(path + end);
  // The time for which the last check of the files stands.
  await sleep(5);
  expect(await driver.apply([save({ kind: "after" })], TIMES)).toEqual(APPLIED);
  const kinds = plainConnection(path).prepare("SELECT kind FROM record ORDER BY kind").pluck().all();
  expect(kinds).toEqual(["after", "before"]);
});
