import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { APPLICATION_ID, MIGRATIONS } from "../../drivers/sqlite/schema.js";
import type { Driver, ScanQuery, StoredRecord } from "../../src/contract/driver.js";
import { commit, freshPath, open, plainConnection, record, SLOT, save, startProcess } from "./sqlite-rig.js";

const NOW = 1_000_000;
const TIMES = { now: NOW, window: 3_600_000 };
const LATER = { now: NOW + 120_000, window: 3_600_000 };
const EVERYTHING = { prefix: "", limit: 1e6, maxBytes: 1e9, reverse: false };
const SESSION = { tenant: SLOT.tenant, user: SLOT.user, session: SLOT.session };
const ERASE = { tenant: SLOT.tenant, writes: [{ op: "erase", session: SESSION }] } as const;

/** A session with this many records, erased and not swept. */
async function erasedAndLeft(driver: Driver, count: number): Promise<void> {
  const kinds = Array.from({ length: count }, (_, index) => `k${String(index).padStart(5, "0")}`);
  await driver.apply(
    kinds.map((kind) => commit({ op: "save", record: record({ kind, eventId: kind }) })),
    TIMES,
  );
  expect(await driver.apply([ERASE], TIMES)).toEqual([
    { is: "applied", existed: [false], erased: [0], remains: true },
  ]);
}

/** The fences of the file. The last one goes with the batch after the one that removed its last record. */
function fencesIn(path: string): unknown {
  return plainConnection(path).prepare("SELECT count(*) FROM fence").pluck().get();
}

/** The event ids of all pages of a scan: many erased records end a page early. */
async function eventIdsIn(driver: Driver): Promise<string[]> {
  const found: string[] = [];
  let query: ScanQuery = EVERYTHING;
  for (;;) {
    const { records, more, next } = await driver.scan(query);
    found.push(...records.map(({ eventId }) => eventId));
    if (!more) return found;
    query = { ...EVERYTHING, after: next ?? (records.at(-1) as StoredRecord) };
  }
}

test("what a process that died did not remove stays hidden, and later batches remove it", async () => {
  const path = freshPath();
  const first = await open({ path, thread: "inline" });
  await erasedAndLeft(first, 1_500);
  const driver = await open({ path, thread: "inline" });
  expect(await eventIdsIn(driver)).toEqual([]);
  expect((await driver.scan({ ...EVERYTHING, tenant: SLOT.tenant })).records).toEqual([]);
  expect((await driver.scan({ ...EVERYTHING, tenant: SLOT.tenant, identity: SLOT })).records).toEqual([]);
  expect(await driver.read([{ ...SLOT, kind: "k00001" }])).toEqual([undefined]);
  expect(await driver.readByEventId(SESSION, "k00001")).toBeUndefined();
  expect(await driver.apply([save({ kind: "k00001", eventId: "k00001", version: 7 })], TIMES)).toEqual([
    { is: "duplicate" },
  ]);

  const left = () =>
    plainConnection(path).prepare("SELECT count(*) FROM record WHERE session = 's1'").pluck().get();
  expect(left()).toBe(1_499);
  for (let batch = 0; fencesIn(path) !== 0 && batch < 500; batch++)
    await driver.apply([save({ session: "other" })], LATER);
  expect([left(), fencesIn(path)]).toEqual([0, 0]);
  const reported = plainConnection(path).prepare(
    "SELECT count(*) FROM seen WHERE event_id LIKE 'k0%' AND fingerprint IS NOT NULL",
  );
  expect(reported.pluck().get()).toBe(0);
});

test("a process that is killed between two sweeps: erased records stay hidden, and later batches remove the rest", async () => {
  const path = freshPath();
  const source = `
    const driver = await openSqlite({ path: args.path });
    const saves = Array.from({ length: 4000 }, (_, n) => saveOf({ kind: "k" + n, eventId: "e" + n }));
    await driver.apply([...saves, saveOf({ session: "s2", eventId: "kept" })], times());
    const { tenant, user, session } = slot;
    const [outcome] = await driver.apply([{ tenant, writes: [{ op: "erase", session: { tenant, user, session } }] }], times());
    const swept = await driver.sweep({ tenant, user, session });
    console.log(JSON.stringify({ ...outcome, ...swept }));
    setInterval(() => {}, 1000);
  `;
  const child = startProcess(source, { path });
  const [reported] = await once(child.stdout, "data");
  expect(JSON.parse(reported)).toMatchObject({ is: "applied", remains: true, more: true });
  child.kill("SIGKILL");
  await once(child, "exit");

  const left = () =>
    plainConnection(path).prepare("SELECT count(*) FROM record WHERE session = 's1'").pluck().get();
  expect(left()).toBeGreaterThan(0);
  const driver = await open({ path, thread: "inline" });
  const seen = () => eventIdsIn(driver);
  expect(await seen()).toEqual(["kept"]);
  const later = { now: Date.now() + 120_000, window: 3_600_000 };
  await driver.apply([save({ eventId: "new" })], later);
  for (let batch = 0; fencesIn(path) !== 0 && batch < 500; batch++)
    await driver.apply([save({ session: "s3", eventId: `batch ${batch}` })], later);
  expect((await seen()).slice(0, 2)).toEqual(["new", "kept"]);
  expect([left(), fencesIn(path)]).toEqual([1, 0]);
});

test("what is saved into an erased session is above the fence, also when the last row is gone", async () => {
  const path = freshPath();
  const driver = await open({ path, thread: "inline" });
  await erasedAndLeft(driver, 1_500);
  // Judged, the last row is removed, and its number is free.
  await driver.apply([commit({ op: "delete", slot: { ...SLOT, kind: "k01499" } })], TIMES);
  await driver.apply([save({ kind: "new", eventId: "new" })], TIMES);
  for (let more = true; more; ) more = (await driver.sweep(SESSION)).more;
  expect((await driver.scan(EVERYTHING)).records.map(({ kind }) => kind)).toEqual(["new"]);
});

/** A file as a released version left it, with one record of another session. */
function oldFile(version: number) {
  const path = freshPath();
  const old = plainConnection(path);
  old.exec(`PRAGMA journal_mode = WAL; PRAGMA application_id = ${APPLICATION_ID}`);
  for (const { sql } of MIGRATIONS.slice(0, version)) old.exec(sql);
  old.exec(`PRAGMA user_version = ${version}`);
  old.exec(`INSERT INTO record (tenant, user, session, run, kind, event_id, fingerprint, version, updated_at, bytes)
    VALUES ('acme', 'ann', 's2', '', 'note', 'kept', '', 0, 1, x'00')`);
  return { path, old };
}

test("a database of the first schema is migrated, and a large erase of its records is swept", async () => {
  const { path } = oldFile(1);
  const driver = await open({ path, thread: "inline" });
  expect(await driver.status()).toMatchObject({ schemaVersion: 3, pendingMigrations: [] });
  await erasedAndLeft(driver, 1_100);
  for (let more = true; more; ) more = (await driver.sweep(SESSION)).more;
  expect((await driver.scan(EVERYTHING)).records.map(({ eventId }) => eventId)).toEqual(["kept"]);
});

test("an erase that was under way in the previous schema goes on where it was", async () => {
  const { path, old } = oldFile(2);
  const row = old.prepare(`
    INSERT INTO record (tenant, user, session, run, kind, event_id, fingerprint, version, updated_at, bytes)
    VALUES ('acme', 'ann', 's1', ?, ?, ?, '', 0, 1, x'00')`);
  for (const run of ["", "r1", "r2"]) for (const kind of ["a", "b"]) row.run(run, kind, run + kind);
  const erased =
    "INSERT INTO erasure VALUES ('acme', 'ann', 's1', (SELECT max(id) FROM record), 'r1', 'a', 1)";
  old.prepare("DELETE FROM record WHERE session = 's1' AND (run, kind) <= ('r1', 'a')").run();
  old.prepare(erased).run();
  row.run("r1", "c", "later");

  const driver = await open({ path, thread: "inline" });
  expect(await eventIdsIn(driver)).toEqual(["later", "kept"]);
  expect(await driver.sweep(SESSION)).toEqual({ removed: 3, more: false });
  expect(fencesIn(path)).toBe(0);
  expect(old.prepare("SELECT event_id FROM record ORDER BY 1").pluck().all()).toEqual(["kept", "later"]);
});

describe("an erase by prefix of more than is removed at once", () => {
  const R1 = { ...SLOT, run: "r1" };
  const erasing = (prefix: string, slot = R1) => {
    const { tenant, user, session, run } = slot;
    return { tenant, writes: [{ op: "erase", slots: { tenant, user, session, run, prefix } }] } as const;
  };
  const filling = (prefix: string) =>
    Array.from({ length: 1_100 }, (_, n) =>
      save({ run: "r1", kind: `${prefix}${n}`, eventId: `${prefix}${n}` }),
    );
  const FENCED = { is: "applied", existed: [false], erased: [0], remains: true };

  test("has a fence of its own: what lies beside it is read, written and erased as always", async () => {
    const path = freshPath();
    const driver = await open({ path, thread: "inline" });
    const others = [
      { run: "r1", kind: "a", eventId: "kind" },
      { run: "r1", kind: "a0", eventId: "behind" },
      { run: "", kind: "a/1", eventId: "no run" },
      { run: "r2", kind: "a/1", eventId: "other run" },
    ];
    await driver.apply([...filling("a/"), ...others.map((each) => save(each))], TIMES);
    expect(await driver.apply([erasing("a/")], TIMES)).toEqual([FENCED]);
    const slots = others.map(({ run, kind }) => ({ ...SLOT, run, kind }));
    const found = async () => (await driver.read(slots)).map((record) => record?.eventId);
    expect(await found()).toEqual(["kind", "behind", "no run", "other run"]);
    expect((await eventIdsIn(driver)).sort()).toEqual(["behind", "kind", "no run", "other run"]);
    expect(await driver.apply([erasing("a/", { ...SLOT, run: "r2" })], TIMES)).toEqual([
      { is: "applied", existed: [false], erased: [1] },
    ]);
    expect(await driver.sweep({ ...R1, prefix: "b" })).toEqual({ removed: 0, more: false });
    for (let more = true; more; ) more = (await driver.sweep({ ...R1, prefix: "a/" })).more;
    expect(await found()).toEqual(["kind", "behind", "no run", undefined]);
    const left = plainConnection(path).prepare("SELECT count(*) FROM record").pluck();
    expect([left.get(), fencesIn(path)]).toEqual([3, 0]);
  });

  test("is taken over by an erase of the session, and what is left of a wider one is swept for it", async () => {
    const path = freshPath();
    const driver = await open({ path, thread: "inline" });
    await driver.apply([...filling("a/x/"), ...filling("a/y/")], TIMES);
    expect(await driver.apply([erasing("a/x/"), erasing("a/")], TIMES)).toEqual([FENCED, FENCED]);
    expect(fencesIn(path)).toBe(1);
    expect(await driver.apply([save({ run: "r1", kind: "a/x/new", eventId: "new" }), ERASE], TIMES)).toEqual([
      { is: "applied", existed: [false] },
      FENCED,
    ]);
    expect(fencesIn(path)).toBe(1);
    // Narrower: has a fence beside that of the session.
    const since = save({ run: "r1", kind: "a/x/since", eventId: "since" });
    expect(await driver.apply([since, erasing("a/x/")], TIMES)).toMatchObject([{}, FENCED]);
    expect(fencesIn(path)).toBe(2);
    expect(await eventIdsIn(driver)).toEqual([]);
    let removed = 0;
    for (let more = true; more; ) {
      const swept = await driver.sweep({ ...R1, prefix: "a/x/" });
      removed += swept.removed;
      more = swept.more;
    }
    const left = plainConnection(path).prepare("SELECT count(*) FROM record").pluck();
    expect([removed, left.get(), fencesIn(path)]).toEqual([2_202, 0, 0]);
  });

  test("whose process died: later batches remove the rest", async () => {
    const path = freshPath();
    const first = await open({ path, thread: "inline" });
    await first.apply([...filling("a/"), ...filling("b/")], TIMES);
    expect(await first.apply([erasing("b/")], TIMES)).toEqual([FENCED]);
    const driver = await open({ path, thread: "inline" });
    for (let batch = 0; fencesIn(path) !== 0 && batch < 100; batch++)
      await driver.apply([save({ session: "other" })], LATER);
    const left = plainConnection(path).prepare("SELECT count(*) FROM record WHERE session = 's1'").pluck();
    expect([left.get(), fencesIn(path)]).toEqual([1_100, 0]);
  });
});

test("a scan over very many tenants ends its page early, and says where it goes on", async () => {
  const driver = await open({ path: ":memory:" });
  await driver.apply(
    Array.from({ length: 1_200 }, (_, index) => save({ tenant: `t${String(index).padStart(4, "0")}` })),
    TIMES,
  );
  const page = await driver.scan({ ...EVERYTHING, prefix: "absent" });
  expect(page).toMatchObject({ records: [], more: true, next: { tenant: "t0099", kind: "" } });
});

test("a process with a slow clock dates no write before the last write of the file", async () => {
  const path = freshPath();
  const driver = await open({ path, thread: "inline" });
  await driver.apply([save({ eventId: "a" })], { ...TIMES, now: NOW + 5_000 });
  await driver.apply([save({ eventId: "b" })], TIMES);
  const savedAt = plainConnection(path).prepare("SELECT saved_at FROM seen").pluck().all();
  expect(savedAt).toEqual([NOW + 5_000, NOW + 5_000]);
});
