import { rmSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import type { Connection } from "../../drivers/sqlite/connection.js";
import { databaseFiles, FileGuard } from "../../drivers/sqlite/file-identity.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { LongLists } from "../../drivers/sqlite/long-lists.js";
import { listSteps, prepareLists } from "../../drivers/sqlite/scan.js";
import { verifiedConnection } from "../../drivers/sqlite/verified-connection.js";
import type { ScanPage } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { commit, existingPath, failure, open, plainConnection, record, SLOT } from "./sqlite-rig.js";

const { kind: _, ...OWNER } = SLOT;
const ALL = { limit: Number.MAX_SAFE_INTEGER, maxBytes: Number.MAX_SAFE_INTEGER, reverse: false };
const LIST = { ...ALL, identity: OWNER, prefix: "" };
/** Takes several slices on any machine. */
const MANY = 20_000;

const FILL = `
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO record (tenant, user, session, run, kind, event_id, fingerprint, version, updated_at, bytes)
SELECT '${OWNER.tenant}', '${OWNER.user}', '${OWNER.session}', '', printf('kind/%06d', i), 'e/' || i, 'f', 0, 1, x'00' FROM n`;

async function filled(count: number) {
  const path = await existingPath();
  const other = plainConnection(path);
  other.prepare(FILL).run(count);
  return { path, other };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

const listed = (connection: Connection) => listSteps(prepareLists(connection), LIST, OWNER);

/** Of the first and the last record. */
const ends = ({ records }: ScanPage) => [records[0]?.version, records.at(-1)?.version];

/** Whether an open snapshot prevents a checkpoint from resetting the log. */
const isHeld = (other: ReturnType<typeof plainConnection>) =>
  (other.pragma("wal_checkpoint(TRUNCATE)") as { busy: number }[])[0]?.busy !== 0;

function counting(path: string) {
  const counts = { open: 0, most: 0 };
  const lists = new LongLists(() => {
    const connection = plainConnection(path) as Connection;
    counts.most = Math.max(counts.most, ++counts.open);
    const close = connection.close.bind(connection);
    connection.close = () => {
      counts.open--;
      return close();
    };
    return connection;
  });
  onTestFinished(() => lists.close());
  return { lists, counts };
}

test("a list is read in steps, all from one snapshot, while others write", async () => {
  const { path, other } = await filled(1000);
  const steps = listSteps(prepareLists(plainConnection(path) as Connection), LIST, OWNER);
  let count = 0;
  for (;;) {
    const { done, value } = steps.next();
    if (done) {
      expect(value.records.map(({ version }) => version)).toEqual(new Array(1000).fill(0));
      break;
    }
    other.prepare("UPDATE record SET version = ?").run(++count);
  }
  expect(count).toBeGreaterThan(10);
});

test("a step ends with its bytes too", async () => {
  const { path, other } = await filled(20);
  other.exec("UPDATE record SET bytes = zeroblob(300000)");
  const steps = listSteps(prepareLists(plainConnection(path) as Connection), LIST, OWNER);
  let count = 0;
  while (!steps.next().done) count++;
  expect(count).toBe(20);
});

test("others read and write while a long list is under way, and it shows nothing of that", async () => {
  const { path } = await filled(MANY);
  const driver = await open({ path, thread: "inline" });
  const [first, last] = ["kind/000001", `kind/${String(MANY).padStart(6, "0")}`] as [string, string];
  let isOver = false;
  const list = driver.scan(LIST).finally(() => {
    isOver = true;
  });
  const versions: (number | undefined)[] = [];
  for (let version = 1; !isOver; version++) {
    const saves = [first, last].map((kind) => ({ op: "save" as const, record: record({ kind, version }) }));
    await driver.apply([commit(...saves)], { now: 1, window: 1 });
    const [found] = await driver.read([{ ...SLOT, kind: last }]);
    if (!isOver) versions.push(found?.version);
    await turn();
  }
  const page = await list;
  expect(page.records.length).toBe(MANY);
  const [low, high] = ends(page);
  expect(high).toBe(low);
  expect(versions.length).toBeGreaterThan(1);
  expect(versions).toEqual(versions.map((_, index) => index + 1));
  expect(ends(await driver.scan({ ...LIST, reverse: true }))).not.toEqual([low, low]);
});

test("a list whose caller has given up ends between two slices, and holds nothing any more", async () => {
  const { path, other } = await filled(MANY);
  const driver = await open({ path, thread: "inline" });
  const caller = new AbortController();
  const list = driver.scan(LIST, { signal: caller.signal });
  const ended = expect(list).rejects.toThrow("given up");
  await turn();
  await driver.apply([commit({ op: "save", record: record() })], { now: 1, window: 1 });
  await turn();
  caller.abort(new Error("given up"));
  await ended;
  expect(isHeld(other)).toBe(false);
});

test("a read whose caller has given up because of another call's lock is not retried", async () => {
  const { path } = await filled(MANY);
  const driver = await open({ path, thread: "inline", busyTimeoutMs: 60_000 });
  const caller = new AbortController();
  const list = failure(driver.scan(LIST, { signal: caller.signal }));
  await turn();
  const reason = new StateError("UNAVAILABLE", "locked", { details: { reason: "busy" } });
  caller.abort(reason);
  expect(await list).toBe(reason);
});

test.runIf(process.platform === "linux")(
  "a long list begins anew as often as its files are opened anew",
  async () => {
    const { path, other } = await filled(MANY);
    other.close();
    const driver = await open({ path, thread: "inline" });
    const remove = () => rmSync(`${path}-shm`);
    remove();
    // Reads trust for a moment that the files are there.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const list = driver.scan(LIST);
    for (const version of [1, 2]) {
      await driver.apply([commit({ op: "save", record: record({ version }) })], { now: 1, window: 1 });
      await turn();
      remove();
    }
    await driver.apply([commit({ op: "save", record: record({ version: 3 }) })], { now: 1, window: 1 });
    expect((await list).records.length).toBe(MANY + 1);
  },
);

test("one that takes longer than it may ends too, and so does its snapshot", async () => {
  const { path, other } = await filled(MANY);
  const driver = await open({ path, thread: "inline" });
  const error = await failure(driver.scan(LIST, { deadline: monotonicMs() + 1 }));
  expect([error.code, error.details]).toEqual(["UNAVAILABLE", { reason: "refused" }]);
  expect(isHeld(other)).toBe(false);
});

test("close ends a long list, and the waiting ones", async () => {
  const { path, other } = await filled(MANY);
  const driver = await openSqlite({ path, thread: "inline" });
  const lists = [1, 2, 3, 4].map(() => failure(driver.scan(LIST)));
  await turn();
  await driver.close();
  for (const list of lists) expect((await list).code).toBe("STORE_CLOSED");
  expect(isHeld(other)).toBe(false);
});

test("only a few are read at once, and each waiting one is read later, unless it was aborted", async () => {
  const { path } = await filled(3000);
  const { lists, counts } = counting(path);
  const caller = new AbortController();
  const all = [1, 2, 3, 4, 5].map(() => lists.read(listed, {}));
  const givenUp = lists.read(listed, { signal: caller.signal });
  caller.abort(new Error("given up"));
  await expect(givenUp).rejects.toThrow("given up");
  for (const list of all) expect((await list).records.length).toBe(3000);
  expect(counts).toEqual({ open: 0, most: 2 });
  // Nobody keeps a place.
  await Promise.all([1, 2].map(() => lists.read(listed, {})));
});

test("a short list takes no connection of its own, whatever its limit", async () => {
  const { path, other } = await filled(500);
  const driver = await open({ path, thread: "inline" });
  let isOver = false;
  const list = driver.scan(LIST).then(({ records }) => {
    isOver = true;
    return records.length;
  });
  // Without a turn of the event loop.
  for (let task = 0; task < 20; task++) await undefined;
  expect(isOver).toBe(true);
  expect(await list).toBe(500);
  other.exec("UPDATE record SET bytes = zeroblob(2000) WHERE id > 100");
  const page = await driver.scan({ ...LIST, limit: 200, maxBytes: 10_000 });
  expect([page.records.length, page.more]).toEqual([105, true]);
});

test("a connection whose log goes before its first read is refused, and not the database as damaged", async () => {
  const { path, other } = await filled(1000);
  const guard = new FileGuard(databaseFiles(path));
  const reader = plainConnection(path) as Connection & { open: boolean };
  const pragma = reader.pragma.bind(reader);
  reader.pragma = (source, options) => {
    rmSync(`${path}-wal`, { force: true });
    return pragma(source, options);
  };
  const error = await failure(Promise.resolve().then(() => verifiedConnection(reader, guard)));
  expect([error.code, error.details]).toEqual(["UNAVAILABLE", { reason: "setup" }]);
  expect(reader.open).toBe(false);
  expect(other.prepare("SELECT count(*) AS count FROM record").get()).toEqual({ count: 1000 });
});

test("a long list is refused when the path leads to another file", async () => {
  const { path } = await filled(1000);
  const driver = await open({ path, thread: "inline" });
  const { renameSync } = await import("node:fs");
  renameSync(path, `${path}-away`);
  const error = await failure(driver.scan(LIST));
  renameSync(`${path}-away`, path);
  expect(error.code).toBe("UNAVAILABLE");
});
