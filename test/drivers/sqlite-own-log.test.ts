import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { contents, failure, freshPath, open, plain, SLOT, save } from "./sqlite-rig.js";

const TIMES = { now: 1_000, window: 1_000 };

/** So many saves, of new records. */
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
    await backup(plain(path), copy);
    const place = await crashed(path, "b");
    copyFileSync(copy, place);
    const before = contents(dirname(place));
    const error = await failure(openSqlite({ path: place }));
    expect(error.code).toBe("CORRUPT");
    expect(error.message).toContain(`${place}-wal`);
    expect(contents(dirname(place))).toEqual(before);
    for (const suffix of ["-wal", "-shm"]) rmSync(`${place}${suffix}`, { force: true });
    const driver = await open({ path: place });
    expect(await driver.read([{ ...SLOT, kind: "a299" }])).toMatchObject([{ kind: "a299" }]);
    expect(await driver.read([{ ...SLOT, kind: "b0" }])).toEqual([undefined]);
  });

  test("its own log is played in, also after other programs changed the schema, and after resets", async () => {
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

  test("beside others who write, checkpoint and reset the log, opening is never refused", async () => {
    const path = freshPath();
    const driver = await open({ path });
    const other = plain(path);
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
});
