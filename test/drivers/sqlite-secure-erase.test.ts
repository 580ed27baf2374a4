import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import "../../drivers/index.js";
import Database from "better-sqlite3";
import { compact } from "../../drivers/sqlite/index.js";
import { newEventId, openStore, type StateStore, type UrlOptions } from "../../src/index.js";
import { failure, freshPath } from "./sqlite-rig.js";

const SECRET = "TOP-SECRET-TEXT";
const who = { tenant: "acme", user: "ada", session: "s-1" };
const other = { ...who, session: "s-2" };

const opened: StateStore[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

async function open(path: string, options: UrlOptions<"sqlite:x"> = {}): Promise<StateStore> {
  const store = await openStore(`sqlite:${path}`, options);
  opened.push(store);
  return store;
}

/** How often the text is in the database or its log. Another process reads them: this one would drop the locks. */
function traces(path: string): number {
  const script = 'cat "$1" "$1-wal" | grep -a -o "$2" | wc -l';
  return Number(execFileSync("sh", ["-c", script, "sh", path, SECRET]).toString());
}

const payload = (bytes: number) =>
  Buffer.from(SECRET.repeat(Math.ceil(bytes / SECRET.length)).slice(0, bytes));

async function fill(
  store: StateStore,
  identity: typeof who,
  sizes: readonly number[],
  from = 0,
): Promise<void> {
  await store.commit(
    sizes.map((size, n) => {
      const record = { eventId: newEventId(), identity, kind: `k/${from + n}`, bytes: payload(size) };
      return { op: "save", record } as const;
    }),
  );
}

/** Small ones, some that share pages with what stays, and some that have pages of their own. */
const SIZES = Array.from({ length: 120 }, (_, n) => (n % 10 === 0 ? 20_000 : 100 + n * 7));

describe.each(["inline", "worker"] as const)("%s", (thread) => {
  test("nothing of what was erased is in the file or its log once the call has returned", async () => {
    const path = freshPath();
    const store = await open(path, { thread, secureErase: true });
    const bytes = Buffer.from("stays");
    for (let n = 0; n < 120; n++) {
      await store.save({ eventId: newEventId(), identity: other, kind: `k/${n}`, bytes });
      if (n % 40 === 0) await fill(store, { ...who, session: `s-1${n}` }, SIZES, n);
    }
    await fill(store, who, SIZES);
    expect(traces(path)).toBeGreaterThan(1_000);
    for (const session of ["s-1", "s-10", "s-140", "s-180"]) await store.erase({ ...who, session });
    expect(traces(path)).toBe(0);
    expect(await store.count(other, "")).toBe(120);
  });
});

test("without the option bytes stay, until the file is compacted", async () => {
  const path = freshPath();
  const store = await open(path);
  await fill(store, who, SIZES);
  await store.erase(who);
  expect(traces(path)).toBeGreaterThan(0);
  await compact(store);
  expect(statSync(`${path}-wal`).size).toBe(0);
});

test("an erase that is carried out in pieces leaves nothing either, nor do deletes and overwrites once it is compacted", async () => {
  const path = freshPath();
  const store = await open(path, { secureErase: true });
  for (let n = 0; n < 3; n++) await fill(store, who, Array(500).fill(150), n * 500);
  await store.erase(who);
  expect(traces(path)).toBe(0);
  await fill(store, other, [50_000, 300, 300]);
  await store.delete(other, "k/0");
  await store.delete(other, "k/1");
  await store.save({ eventId: newEventId(), identity: other, kind: "k/2", bytes: Buffer.from("new") });
  await compact(store);
  expect(traces(path)).toBe(0);
});

test("while a reader needs the log the erase is made, and the next write empties it", async () => {
  const path = freshPath();
  const store = await open(path, { secureErase: true });
  await fill(store, who, [300]);
  const reader = new Database(path, { readonly: true });
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM record").get();
  expect(await store.erase(who)).toBe(1);
  expect(traces(path)).toBeGreaterThan(0);
  reader.close();
  await store.save({ eventId: newEventId(), identity: other, kind: "k", bytes: Buffer.from("x") });
  // A commit that comes alone may be made by the other connection, which empties no log.
  await store.erase(other);
  expect(traces(path)).toBe(0);
});

describe("compact", () => {
  const isIncremental = (path: string) => {
    const connection = new Database(path, { readonly: true });
    try {
      return connection.pragma("auto_vacuum", { simple: true });
    } finally {
      connection.close();
    }
  };

  test("the file gets smaller, and everything else stays", async () => {
    const path = freshPath();
    const store = await open(path);
    await fill(store, other, [300, 300]);
    await fill(store, who, Array(60).fill(100_000));
    const before = await store.list(other, "");
    await compact(store);
    const full = statSync(path).size;
    await store.erase(who);
    const saving = fill(store, other, [400], 2);
    await compact(store);
    await saving;
    expect(full).toBeGreaterThan(6_000_000);
    expect(statSync(path).size).toBeLessThan(200_000);
    expect((await store.list(other, "")).slice(0, 2)).toEqual(before);
    expect(await store.count(other, "")).toBe(3);
  });

  test("a file of an earlier version is rewritten once", async () => {
    const path = freshPath();
    const first = await openStore(`sqlite:${path}`);
    await fill(first, who, Array(20).fill(100_000));
    await fill(first, other, [300]);
    await first.close();
    const connection = new Database(path);
    connection.exec(
      "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM; PRAGMA journal_mode = WAL",
    );
    connection.close();
    expect(isIncremental(path)).toBe(0);
    const store = await open(path);
    await store.erase(who);
    await compact(store);
    expect(isIncremental(path)).toBe(2);
    expect(statSync(path).size).toBeLessThan(200_000);
    expect(await store.count(other, "")).toBe(1);
  });

  test("is refused for other stores, after an abort and with other options", async () => {
    const memory = await openStore("memory:");
    opened.push(memory);
    expect(await failure(compact(memory))).toMatchObject({ code: "INVALID_RECORD" });
    const store = await open(":memory:");
    await compact(store);
    expect(await failure(compact(store, { pages: 1 } as never))).toMatchObject({ code: "INVALID_RECORD" });
    await expect(compact(store, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
    expect(await failure(openStore("sqlite::memory:", { secureErase: 1 as never }))).toMatchObject({
      code: "INVALID_RECORD",
    });
  });
});
