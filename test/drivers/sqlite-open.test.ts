import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { readConfig } from "../../drivers/sqlite/config.js";
import { health, openSqlite, pendingMigrations, type SqliteConfig } from "../../drivers/sqlite/index.js";
import { loadPackage } from "../../drivers/sqlite/load-package.js";
import { configure, openWriter } from "../../drivers/sqlite/open-writer.js";
import {
  contents,
  existingPath,
  failure,
  folder,
  freshPath,
  inProcess,
  open,
  plainConnection,
  SLOT,
  save,
} from "./sqlite-rig.js";

const TIMES = { now: 1_000, window: 1_000 };
const APPLICATION_ID = 0x47535441;

/** The error, after checking that the file's folder is unchanged. */
async function refusal(path: string) {
  const before = contents(dirname(path));
  const error = await failure(openSqlite({ path }));
  expect(contents(dirname(path))).toEqual(before);
  return error;
}

describe("a configuration that makes no sense", () => {
  test.each<[string, string, object]>([
    ["no target", "path", {}],
    ["two targets", "path", { path: "a.db", url: "sqlite:a.db" }],
    ["a forgotten path", "path", { path: undefined }],
    ["a forgotten url", "url", { url: undefined }],
    ["an empty path, SQLite's temporary database", "path", { path: "" }],
    ["an empty url", "url", { url: "sqlite:" }],
    ["another scheme", "url", { url: "file:a.db" }],
    ["a NUL", "path", { path: "a\0.db" }],
    ["white space that would be cut off", "path", { path: "a.db " }],
    ["a name that no file system takes", "path", { path: "a".repeat(207) }],
    ["a name that is too long in bytes", "path", { path: "ä".repeat(104) }],
    ["a path that SQLite does not take", "path", { path: `/${"a/".repeat(240)}b` }],
    ["an unknown durability", "durability", { path: "a.db", durability: "half" }],
    ["a forgotten durability", "durability", { path: "a.db", durability: undefined }],
    ["a forgotten mode", "migrate", { path: "a.db", migrate: undefined }],
    ["a timeout that is not whole", "busyTimeoutMs", { path: "a.db", busyTimeoutMs: 1.5 }],
    ["a forgotten timeout", "busyTimeoutMs", { path: "a.db", busyTimeoutMs: undefined }],
  ])("%s", async (_what, field, config) => {
    const error = await failure(openSqlite(config as SqliteConfig));
    expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field } });
  });
});

describe("a path that cannot be used is left as it is", () => {
  test("a folder", async () => {
    const path = freshPath();
    mkdirSync(path);
    const error = await failure(openSqlite({ path }));
    expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field: "path" } });
  });

  test("a missing folder is not made", async () => {
    const path = join(folder(), "missing", "state.db");
    const error = await failure(openSqlite({ path }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain(dirname(path));
    expect(readdirSync(dirname(dirname(path)))).toEqual([]);
  });

  test.each([
    ["an application id", "PRAGMA application_id = 7"],
    ["tables and no application id", "CREATE TABLE theirs (a)"],
    ["a log mode", "PRAGMA journal_mode = WAL; CREATE TABLE theirs (a)"],
  ])("another application's file, with %s", async (_what, sql) => {
    const path = freshPath();
    new Database(path).exec("CREATE TABLE first (a)").exec(sql).close();
    expect(await refusal(path)).toMatchObject({ code: "INVALID_RECORD", details: { field: "path" } });
  });

  test("another application's file with a log that is not in the file yet", async () => {
    const path = freshPath();
    plainConnection(path).exec("PRAGMA journal_mode = WAL; CREATE TABLE theirs (a)");
    const before = contents(dirname(path));
    expect((await failure(openSqlite({ path }))).code).toBe("INVALID_RECORD");
    expect({ ...contents(dirname(path)), "state.db-shm": "" }).toEqual({ ...before, "state.db-shm": "" });
  });

  test("a newer schema", async () => {
    const path = await existingPath();
    new Database(path).exec("PRAGMA user_version = 99").close();
    const error = await refusal(path);
    expect(error).toMatchObject({ code: "SCHEMA_TOO_NEW", details: { found: 99, supported: 3 } });
  });

  test("a newer schema that is still in the log", async () => {
    const path = await existingPath();
    plainConnection(path).exec("PRAGMA user_version = 99");
    const { "state.db": before } = contents(dirname(path));
    expect((await failure(openSqlite({ path }))).code).toBe("SCHEMA_TOO_NEW");
    expect(contents(dirname(path))["state.db"]).toBe(before);
  });

  test.each([
    ["a few bytes", Buffer.from("not a data")],
    ["no database", Buffer.alloc(20_000, "not a database ")],
    ["nothing at all", Buffer.alloc(0)],
  ])("a file that holds %s", async (_what, bytes) => {
    const path = freshPath();
    writeFileSync(path, bytes);
    const error = await refusal(path);
    expect(error.code).toBe("CORRUPT");
    expect(error.message).toMatch(/never delete/);
  });

  test("a database that was cut off", async () => {
    const path = await existingPath();
    truncateSync(path, statSync(path).size / 2);
    expect((await refusal(path)).code).toBe("CORRUPT");
  });

  test("a log whose database is gone, which would be played into a new one", async () => {
    const path = freshPath();
    writeFileSync(`${path}-wal`, "log");
    const error = await refusal(path);
    expect(error.code).toBe("CORRUPT");
    expect(error.message).toContain(`${path}-wal`);
  });

  test("a link to nowhere", async () => {
    const path = freshPath();
    symlinkSync(join(dirname(path), "nowhere.db"), path);
    const error = await failure(openSqlite({ path }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("link to nowhere");
    expect(readdirSync(dirname(path))).toEqual(["state.db"]);
  });

  test("a link to itself", async () => {
    const path = freshPath();
    symlinkSync(path, path);
    const error = await failure(openSqlite({ path }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("leads back to itself");
  });
});

describe("without the right to write", () => {
  // Root may write everything, so root's child becomes another user once its code is loaded, which a thread would load anew.
  const source = `
    await (await openSqlite({ path: ":memory:" })).close();
    if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }
    const answer = await openSqlite({ path: args.path, thread: "inline" }).then(() => ({ code: "opened" }), (error) => error);
    console.log(JSON.stringify({ code: answer.code, details: answer.details, message: answer.message }));
  `;

  test.each([
    ["file", 0o755, 0o444],
    ["folder", 0o555, 0o666],
  ])("a read-only %s", async (_what, folderMode, fileMode) => {
    const path = await existingPath();
    chmodSync(path, fileMode);
    chmodSync(dirname(path), folderMode);
    const before = contents(dirname(path));
    const error = await inProcess(source, { path });
    chmodSync(dirname(path), 0o755);
    expect(error).toMatchObject({
      code: "UNAVAILABLE",
      details: { reason: "setup" },
      message: expect.stringContaining(dirname(path)),
    });
    expect(contents(dirname(path))).toEqual(before);
  });

  test("a read-only folder and no file yet", async () => {
    const path = freshPath();
    chmodSync(dirname(path), 0o555);
    const error = await inProcess(source, { path });
    chmodSync(dirname(path), 0o755);
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  test("both writable: the same child opens it", async () => {
    const path = await existingPath();
    chmodSync(path, 0o666);
    chmodSync(dirname(path), 0o777);
    expect(await inProcess(source, { path })).toMatchObject({ code: "opened" });
  });
});

describe.skipIf(process.platform === "win32")("only the owner may read the files", () => {
  const source = `
    import { readdirSync, statSync } from "node:fs";
    import { dirname } from "node:path";
    process.umask(args.umask);
    const driver = await openSqlite({ path: args.path, thread: args.thread });
    await driver.apply([saveOf({ eventId: "e1" })], times());
    const mode = (name) => [name, (statSync(dirname(args.path) + "/" + name).mode & 0o7777).toString(8)];
    console.log(JSON.stringify(Object.fromEntries(readdirSync(dirname(args.path)).map(mode))));
    await driver.close();
  `;
  const modes = (mode: string) => ({ "state.db": mode, "state.db-wal": mode, "state.db-shm": mode });

  test.each([
    [0o000, "worker"],
    [0o022, "inline"],
    [0o277, "inline"],
  ])("whatever the umask (%o, %s)", async (umask, thread) => {
    expect(await inProcess(source, { path: freshPath(), umask, thread })).toEqual(modes("600"));
  });

  test("except that a file keeps the mode it has", async () => {
    const path = await existingPath();
    chmodSync(path, 0o640);
    expect(await inProcess(source, { path, umask: 0o077, thread: "inline" })).toEqual(modes("640"));
  });
});

describe("migrations", () => {
  /** A file of ours that has seen no migration. */
  function outdatedPath(): string {
    const path = freshPath();
    new Database(path)
      .exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 0; VACUUM`)
      .close();
    return path;
  }

  test.each(["verify", "off"] as const)("%s makes no file", async (migrate) => {
    const path = freshPath();
    const error = await failure(openSqlite({ path, migrate }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  test("verify refuses an outdated schema", async () => {
    const error = await failure(openSqlite({ path: outdatedPath(), migrate: "verify" }));
    expect(error).toMatchObject({
      code: "SCHEMA_OUTDATED",
      details: { pending: ["records-and-events", "erasures", "compact-events"] },
    });
  });

  test("off opens an outdated schema; what misses something says so until it is there", async () => {
    const path = outdatedPath();
    const driver = await open({ path, migrate: "off" });
    expect((await failure(driver.read([SLOT]))).code).toBe("SCHEMA_OUTDATED");
    expect((await failure(driver.apply([save()], TIMES))).code).toBe("SCHEMA_OUTDATED");
    expect(await driver.status()).toMatchObject({
      schemaVersion: 0,
      pendingMigrations: ["records-and-events", "erasures", "compact-events"],
    });
    await (await openSqlite({ path })).close();
    expect(await driver.apply([save()], TIMES)).toEqual([{ is: "applied", existed: [false] }]);
  });

  test("pendingMigrations names what is pending, and changes nothing", async () => {
    const fresh = freshPath();
    expect(await pendingMigrations({ path: fresh })).toEqual([
      "records-and-events",
      "erasures",
      "compact-events",
    ]);
    expect(readdirSync(dirname(fresh))).toEqual([]);
    expect(await pendingMigrations({ path: outdatedPath() })).toEqual([
      "records-and-events",
      "erasures",
      "compact-events",
    ]);
    expect(await pendingMigrations({ path: await existingPath() })).toEqual([]);
  });
});

describe("opening", () => {
  test("takes the longest name that it says it takes", async () => {
    const path = join(folder(), "a".repeat(206));
    await (await openSqlite({ path })).close();
    expect(readdirSync(dirname(path))).toEqual(["a".repeat(206)]);
  });

  test("makes one file, ours, with a log", async () => {
    const path = await existingPath();
    expect(readdirSync(dirname(path))).toEqual(["state.db"]);
    const connection = plainConnection(path);
    expect(connection.pragma("application_id", { simple: true })).toBe(APPLICATION_ID);
    expect(connection.pragma("user_version", { simple: true })).toBe(3);
    expect(connection.pragma("journal_mode", { simple: true })).toBe("wal");
  });

  test("again finds what was saved", async () => {
    const path = freshPath();
    const first = await openSqlite({ path });
    await first.apply(
      [save({ eventId: "kept", version: Number.MAX_SAFE_INTEGER, updatedAt: -62135596800000 })],
      TIMES,
    );
    await first.close();
    const [found] = await (await open({ path })).read([SLOT]);
    expect(found).toMatchObject({
      eventId: "kept",
      version: Number.MAX_SAFE_INTEGER,
      updatedAt: -62135596800000,
    });
  });

  test("takes everything after the scheme for a path", async () => {
    const path = join(folder(), "a%20b?! &c=#1.db");
    await (await open({ url: `sqlite:${path}` })).status();
    expect(readdirSync(dirname(path))).toContain("a%20b?! &c=#1.db");
  });

  test("refuses an option in a URL, and makes no file of such a name", async () => {
    for (const option of ["?durability=process", "?mode=memory#1.db", "?readonly"]) {
      const path = `${join(folder(), "state.db")}${option}`;
      const error = await failure(open({ url: `sqlite:${path}` }));
      expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field: "url" } });
      expect(readdirSync(dirname(path))).toEqual([]);
      await open({ path });
      expect(readdirSync(dirname(path))).toContain(`state.db${option}`);
    }
  });

  test("through a link uses the file behind it", async () => {
    const path = await existingPath();
    const link = join(folder(), "link.db");
    symlinkSync(path, link);
    await (await open({ path: link })).apply([save({ eventId: "linked" })], TIMES);
    expect(await (await open({ path })).readByEventId(SLOT, "linked")).toBeDefined();
  });

  test("in memory is new every time", async () => {
    const first = await open({ path: ":memory:", migrate: "verify" });
    await first.apply([save()], TIMES);
    expect((await first.read([SLOT]))[0]).toBeDefined();
    const second = await open({ url: "sqlite::memory:" });
    expect(await second.read([SLOT])).toEqual([undefined]);
    expect(await second.status()).toEqual({
      target: ":memory:",
      schemaVersion: 3,
      pendingMigrations: [],
      queue: { waiting: 0 },
    });
  });

  test.each([
    ["full", 2],
    ["process", 1],
  ] as const)("durability %s is synchronous = %i on a file that was there", async (durability, level) => {
    const path = await existingPath();
    // What better-sqlite3 does by itself.
    const untouched = plainConnection(path);
    untouched.exec("SELECT * FROM record");
    expect(untouched.pragma("synchronous", { simple: true })).toBe(1);
    const connection = await openWriter((await loadPackage()).connect, readConfig({ path, durability }));
    expect(connection.pragma("synchronous", { simple: true })).toBe(level);
    connection.close();
  });

  test("is refused when the setting does not hold", async () => {
    const connection = await openWriter(
      (await loadPackage()).connect,
      readConfig({ path: await existingPath() }),
    );
    const ignoringSettings = {
      prepare: (sql: string) => connection.prepare(sql),
      pragma: connection.pragma.bind(connection),
      exec() {},
      close() {},
      inTransaction: false,
    };
    connection.exec("PRAGMA synchronous = NORMAL");
    expect(() => configure(ignoringSettings, "full")).toThrow(/durability/);
    expect(() => configure(ignoringSettings, "process")).not.toThrow();
    connection.close();
  });
});

describe("health", () => {
  test("of a missing file says what to do, and makes none", async () => {
    const path = freshPath();
    const error = { code: "UNAVAILABLE", details: { reason: "setup" } };
    expect(await health({ path })).toMatchObject({ reachable: false, error });
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  test("tells target and schema", async () => {
    const path = await existingPath();
    const status = { target: path, schemaVersion: 3, pendingMigrations: [], queue: { waiting: 0 } };
    expect(await health({ path })).toEqual({ reachable: true, status });
  });

  // A process that closes any handle of a file loses all its locks on that file, those of its other handles included.
  test.skipIf(process.platform !== "linux")(
    "asked beside an open driver leaves that driver its locks",
    async () => {
      const path = freshPath();
      const driver = await open({ path });
      await driver.read([SLOT]);
      const inode = `:${statSync(path).ino} `;
      const locks = () =>
        readFileSync("/proc/locks", "utf8")
          .split("\n")
          .filter((line) => line.includes(inode))
          // Numbered among all locks of the machine.
          .map((line) => line.replace(/^\d+: /, ""));
      const before = locks();
      expect(before).not.toEqual([]);
      await health({ path });
      expect(locks()).toEqual(before);
      readFileSync(path);
      expect(locks()).toEqual([]);
    },
  );
});
