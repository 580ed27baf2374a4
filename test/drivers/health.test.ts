import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import * as memory from "../../drivers/memory/index.js";
import * as postgres from "../../drivers/postgres/index.js";
import * as sqlite from "../../drivers/sqlite/index.js";
import { createStore, type Driver, maintenanceScope } from "../../src/index.js";
import { freshDatabase, plainClient as plainPostgres } from "./postgres-rig.js";
import { freshPath } from "./sqlite-rig.js";

interface TestStorage {
  open(): Promise<Driver>;
  pendingMigrations(): Promise<readonly string[]>;
  health(options?: sqlite.HealthOptions): Promise<sqlite.Health>;
  /** The number of remembered event ids. */
  events(): Promise<number>;
  /** Locks out every other writer until the test ends. */
  lock(): Promise<void>;
}

const STORAGES: Readonly<Record<string, () => Promise<TestStorage>>> = {
  async sqlite() {
    const config = { path: freshPath(), busyTimeoutMs: 100 };
    return {
      open: () => sqlite.openSqlite(config),
      pendingMigrations: () => sqlite.pendingMigrations(config),
      health: (options) => sqlite.health(config, options),
      async events() {
        const other = new Database(config.path, { readonly: true });
        try {
          return other.prepare("SELECT count(*) FROM seen").pluck().get() as number;
        } finally {
          other.close();
        }
      },
      async lock() {
        const other = new Database(config.path);
        other.exec("BEGIN IMMEDIATE");
        onTestFinished(() => {
          other.close();
        });
      },
    };
  },
  async postgres() {
    const config = { url: await freshDatabase(), timeoutMs: 4000 };
    return {
      open: () => postgres.openPostgres(config),
      pendingMigrations: () => postgres.pendingMigrations(config),
      health: (options) => postgres.health(config, options),
      async events() {
        return (await plainPostgres(config.url)`SELECT FROM groundstate.event`).length;
      },
      async lock() {
        const other = plainPostgres(config.url);
        await other.unsafe("BEGIN; LOCK TABLE groundstate.record IN EXCLUSIVE MODE");
      },
    };
  },
};

describe.each(Object.entries(STORAGES))("the health of %s", (name, make) => {
  const everything = maintenanceScope({ reason: "test", allTenants: true });
  const record = {
    eventId: "e1",
    identity: { tenant: "acme", user: "ann", session: "s1" },
    kind: "health",
    bytes: Buffer.from("x"),
  };

  test("of a database with its schema: reachable, nothing pending, and its figures", async () => {
    const place = await make();
    await (await place.open()).close();
    const figures =
      name === "sqlite" ? { queue: { waiting: 0 } } : { pool: { size: 1, idle: 1, waiting: 0 } };
    expect(await place.health()).toEqual({
      reachable: true,
      status: {
        target: expect.any(String),
        schemaVersion: expect.any(Number),
        pendingMigrations: [],
        ...figures,
      },
    });
    expect(await place.pendingMigrations()).toEqual([]);
  });

  test("with a write: it succeeds while stores are open, and no reader sees its record", async () => {
    const place = await make();
    const store = createStore(await place.open(), { idempotencyWindowMs: 1 });
    onTestFinished(() => store.close());
    await store.save(record);
    const before = await store.listKind(everything, "h");
    for (let times = 0; times < 3; times++) {
      expect(await place.health({ write: true })).toMatchObject({
        reachable: true,
        write: { succeeded: true, milliseconds: expect.any(Number) },
      });
    }
    expect(before).toHaveLength(1);
    expect(await store.listKind(everything, "h")).toEqual(before);
  });

  test("with a write and without a window forgets no event ids", async () => {
    const place = await make();
    const store = createStore(await place.open());
    onTestFinished(() => store.close());
    await store.save(record);
    await store.save({ ...record, eventId: "e2" });
    await place.health({ write: true });
    expect(await store.save(record)).toEqual({ eventId: "e1", duplicate: true });
  });

  test("with a write and the window leaves few event ids, however often it runs", async () => {
    const place = await make();
    await (await place.open()).close();
    for (let times = 0; times < 12; times++) {
      await place.health({ write: true, idempotencyWindowMs: 1 });
      await sleep(2);
    }
    expect(await place.events()).toBeLessThan(4);
    expect(await place.health({ write: true })).toMatchObject({ write: { succeeded: true } });
  });

  test("with a write that fails is reachable, and reports the error", async () => {
    const place = await make();
    await (await place.open()).close();
    await place.lock();
    expect(await place.health({ write: true })).toMatchObject({
      reachable: true,
      write: { succeeded: false, error: { code: "UNAVAILABLE", details: { reason: "busy" } } },
    });
  });

  test.each<[string, unknown]>([
    ["options", { writes: true }],
    ["options", null],
    ["write", { write: 1 }],
    ["write", { write: undefined }],
    ["idempotencyWindowMs", { idempotencyWindowMs: 0 }],
    ["idempotencyWindowMs", { idempotencyWindowMs: undefined }],
  ])("refuses bad options: %s %o", async (field, options) => {
    const { health } = await make();
    await expect(health(options as sqlite.HealthOptions)).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field },
    });
  });
});

test("a schema that is missing fails the write, and not the rest", async () => {
  const url = await freshDatabase();
  expect(await postgres.health({ url }, { write: true })).toMatchObject({
    reachable: true,
    status: {
      schemaVersion: 0,
      pendingMigrations: ["tables", "functions", "fences", "compact-events", "steady-plans"],
    },
    write: { succeeded: false, error: { code: "SCHEMA_OUTDATED" } },
  });
});

test("the memory driver answers the same questions", async () => {
  const status = { target: expect.any(String), schemaVersion: expect.any(Number), pendingMigrations: [] };
  expect(await memory.health()).toEqual({ reachable: true, status });
  expect(await memory.health({}, { write: true })).toMatchObject({ write: { succeeded: true } });
  expect(await memory.pendingMigrations()).toEqual([]);
  await expect(memory.health({ url: "memory:x" })).rejects.toMatchObject({ code: "INVALID_RECORD" });
});
