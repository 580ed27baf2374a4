import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { conformanceTests, type Harness } from "../../conformance/index.js";
import { openMemory } from "../../drivers/memory/index.js";
import { openPostgres } from "../../drivers/postgres/index.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { createStore, type Driver } from "../../src/index.js";
import { encrypting } from "../../src/layers/index.js";
import { CASE_MS } from "../conformance/case-limit.js";
import { createMigratedDatabase, type TestDatabase } from "../postgres/database.js";
import { isSoak } from "../soak.js";

/** What sealing could change; all cases run in the soak. */
const ONLY = ["bytes/", "commit/", "erase", "event-id", "idempotency/", "list-kind/"];

const folder = mkdtempSync(join(tmpdir(), "groundstate-sealed-"));
const kek = { name: "kek", key: randomBytes(32) };
const keys = { current: kek };
const databases = new Map<string, Promise<TestDatabase>>();

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  for (const database of databases.values()) await (await database).drop();
});

/** A space is a database of its own: a store of the whole kit holds what it has sealed, and nothing else. */
async function urlOf(space: string): Promise<string> {
  const database = databases.get(space) ?? createMigratedDatabase();
  databases.set(space, database);
  return (await database).url;
}

const DRIVERS: Readonly<Record<string, (space: string) => Promise<Driver>>> = {
  memory: () => openMemory(),
  sqlite: (space) => openSqlite({ path: join(folder, `${space}.db`) }),
  postgres: async (space) => openPostgres({ url: await urlOf(space), poolSize: 2 }),
};

// The layer makes the same calls on every driver: on the others the kit runs in the soak.
for (const [name, open] of Object.entries(DRIVERS).filter(([each]) => isSoak || each === "memory"))
  for (const per of isSoak ? (["tenant", "session"] as const) : (["session"] as const))
    for (const beside of isSoak ? [false, true] : [false]) {
      const harness: Harness = {
        name: `${name}, sealed with a key per ${per}`,
        durable: name !== "memory",
        open: async (space, options) =>
          createStore(await open(`${per}-${space}`), { ...options, layers: [encrypting({ keys, per })] }),
      };
      conformanceTests({ describe, test, afterAll }, harness, {
        beside,
        timeoutMs: CASE_MS,
        ...(isSoak ? {} : { only: ONLY }),
      });
    }
