import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { refuseForeignLog } from "../../drivers/sqlite/foreign-log.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { contents, failure, folder, freshPath, open, plainConnection, SLOT, save } from "./sqlite-rig.js";

const TIMES = { now: 1_000, window: 1_000 };

/** Saves this many new records. */
async function fill(path: string, prefix: string, count = 300): Promise<void> {
  const driver = await openSqlite({ path, thread: "inline" });
  for (let n = 0; n < count; n++)
    await driver.apply([save({ kind: `${prefix}${n}`, bytes: Buffer.alloc(300) })], TIMES);
  await driver.close();
}

/** The database and its log, as a crash in the middle of writing leaves them. */
async function crashed(path: string, prefix: string): Promise<string> {
  const place = join(dirname(path), prefix);
  mkdirSync(place);
  const driver = await openSqlite({ path, thread: "inline" });
  for (let n = 0; n < 300; n++)
    await driver.apply([save({ kind: `${prefix}${n}`, bytes: Buffer.alloc(300) })], TIMES);
  for (const suffix of ["", "-wal"]) {
    // In another process: closing the file here would drop the driver's locks.
    execFileSync("cp", [`${path}${suffix}`, join(place, `state.db${suffix}`)]);
  }
  await driver.close();
  return join(place, "state.db");
}

describe("a backup put back beside the log of a database that crashed", () => {
  test.each([
    ["VACUUM INTO", (from: Database.Database, to: string) => void from.exec(`VACUUM INTO '${to}'`)],
    ["SQLite's backup", (from: Database.Database, to: string) => from.backup(to)],
  ])("made by %s: is refused before the log is played into it", async (_what, backup) => {
    const path = freshPath();
    await fill(path, "a");
    const copy = `${path}.backup`;
    await backup(plainConnection(path), copy);
    const place = await crashed(path, "b");
    copyFileSync(copy, place);
    const before = contents(dirname(place));
    const error = await failure(openSqlite({ path: place, thread: "inline" }));
    expect(error.code).toBe("CORRUPT");
    expect(error.message).toContain(`${place}-wal`);
    expect(contents(dirname(place))).toEqual(before);
    for (const suffix of ["-wal", "-shm"]) rmSync(`${place}${suffix}`, { force: true });
    const driver = await open({ path: place });
    expect(await driver.read([{ ...SLOT, kind: "a299" }])).toMatchObject([{ kind: "a299" }]);
    expect(await driver.read([{ ...SLOT, kind: "b0" }])).toEqual([undefined]);
  });

  test("its own log is accepted, also after other programs changed the schema, and after resets", async () => {
    const path = freshPath();
    await fill(path, "a");
    new Database(path).exec("CREATE TABLE extra (a); CREATE INDEX more ON extra (a); VACUUM").close();
    for (const round of ["b", "c"]) {
      const place = await crashed(path, round);
      const driver = await open({ path: place });
      expect(await driver.read([{ ...SLOT, kind: `${round}299` }])).toMatchObject([{ version: 0 }]);
      await driver.close();
    }
  });

  test("while others write, checkpoint and reset the log, opening is never refused", async () => {
    const path = freshPath();
    const driver = await open({ path });
    const other = plainConnection(path);
    for (let round = 0; round < 30; round++) {
      const bytes = Buffer.alloc(20_000);
      await driver.apply([save({ kind: `k${round}`, bytes })], TIMES);
      if (round % 3 === 0) other.pragma("wal_checkpoint(PASSIVE)");
      if (round % 7 === 0) other.pragma("wal_checkpoint(RESTART)");
      if (round % 10 === 0) other.exec(`CREATE TABLE t${round} (a)`);
      await (await openSqlite({ path, thread: "inline" })).close();
    }
    expect(existsSync(`${path}-wal`)).toBe(true);
  });

  test.runIf(process.platform !== "win32").each([
    ["grows and is copied into the database", ""],
    [
      "is begun anew, without the first page",
      "connection.pragma('wal_checkpoint(RESTART)'); connection.exec('INSERT INTO t VALUES (1)')",
    ],
  ])("a log that %s while it is compared is no other's", async (_what, then) => {
    const path = freshPath();
    const driver = await open({ path });
    await driver.apply([save({ bytes: Buffer.alloc(20_000) })], TIMES);
    // Between the look at the log and the one at the database, in a process that writes: growing changes the first page.
    const library = JSON.stringify(createRequire(import.meta.url).resolve("better-sqlite3"));
    runBeforeHead(`
      const connection = new (require(${library}))(${JSON.stringify(path)});
      connection.exec("CREATE TABLE IF NOT EXISTS t (a); INSERT INTO t VALUES (zeroblob(20000))");
      connection.pragma("wal_checkpoint(PASSIVE)");
      ${then};
    `);
    expect(() => refuseForeignLog(path)).not.toThrow();
    expect(plainConnection(path).prepare("SELECT count(*) FROM t").pluck().get()).toBeGreaterThan(0);
  });

  test("frames that a power cut left after the last commit do not make a log foreign", async () => {
    const path = freshPath();
    await fill(path, "a");
    const place = await crashed(path, "b");
    const log = readFileSync(`${place}-wal`);
    const frames = Array.from(
      { length: Math.floor((log.length - 32) / 4120) },
      (_, index) => 32 + index * 4120,
    );
    const torn = frames.filter((at) => log.readUInt32BE(at) === 1).at(-1) as number;
    // The number of the schema lies behind the end of the last sector that reached the disk.
    log.writeUInt32BE(0, torn + 24 + 40);
    writeFileSync(`${place}-wal`, log);
    const driver = await open({ path: place, thread: "inline" });
    expect(await driver.read(["a299", "b0"].map((kind) => ({ ...SLOT, kind })))).toMatchObject([
      { kind: "a299" },
      { kind: "b0" },
    ]);
  });
});

/** Runs this source just before the program `head` reads the database. */
function runBeforeHead(source: string): void {
  const place = folder();
  writeFileSync(join(place, "meanwhile.cjs"), source);
  const script = `#!/bin/sh\n"${process.execPath}" "${place}/meanwhile.cjs" && exec /usr/bin/env PATH="$PATH_BEFORE" head "$@"\n`;
  writeFileSync(join(place, "head"), script, { mode: 0o755 });
  const before = String(process.env.PATH);
  vi.stubEnv("PATH_BEFORE", before);
  vi.stubEnv("PATH", `${place}${delimiter}${before}`);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}
