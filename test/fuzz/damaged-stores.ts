import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openMemory } from "../../drivers/memory/index.js";
import { openPostgres } from "../../drivers/postgres/index.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import type { Driver, Layer } from "../../src/contract/driver.js";
import type { StateStore } from "../../src/contract/store.js";
import { createStore } from "../../src/store/driver-store.js";
import { createMigratedDatabase } from "../postgres/database.js";
import { MemoryRows } from "./memory-rows.js";
import { type Population, populate } from "./population.js";
import { PostgresRows } from "./postgres-rows.js";
import type { RawRows } from "./raw-rows.js";
import { SqliteRows, takeAnything } from "./sqlite-rows.js";

/** A store with what it acknowledged, and its rows beside it. */
export interface DamagedStore {
  readonly store: StateStore;
  readonly rows: RawRows;
  readonly population: Population;
  /** Closes the store and removes what it stored. */
  clean(): Promise<void>;
}

/** On a file, as its tables are made or without the types of their columns. */
export async function onSqlite(types: "typed" | "untyped", layer?: Layer): Promise<DamagedStore> {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-fuzz-"));
  const path = join(folder, "state.db");
  const config = { path, thread: "inline", durability: "process" } as const;
  if (types === "untyped") {
    await (await openSqlite(config)).close();
    takeAnything(path);
  }
  const driver = await openSqlite(config);
  const rows = new SqliteRows(path);
  return populated(driver, layer ? [layer] : [], rows, async () => {
    rows.close();
    rmSync(folder, { recursive: true, force: true });
  });
}

/**
 * On a database, as its tables are made or without the NOT NULL of columns that are in no key: then without its layers,
 * for what is tried again would only fail again.
 */
export async function onPostgres(columns: "required" | "nullable"): Promise<DamagedStore> {
  const database = await createMigratedDatabase();
  const driver = await openPostgres({ url: database.url });
  const rows = new PostgresRows(database.url);
  if (columns === "nullable") await rows.takeNull();
  const layers = columns === "nullable" ? [] : (driver.layers ?? []);
  return populated(driver, layers, rows, async () => {
    await rows.close();
    await database.drop();
  });
}

export async function onMemory(): Promise<DamagedStore> {
  const rows = new MemoryRows(await openMemory());
  return populated(rows.driver, [], rows, async () => {});
}

async function populated(
  driver: Driver,
  layers: readonly Layer[],
  rows: RawRows,
  clean: () => Promise<void>,
): Promise<DamagedStore> {
  const store = createStore(driver, { layers });
  const population = await populate(store);
  await rows.keep();
  return {
    store,
    rows,
    population,
    async clean() {
      await store.close();
      await clean();
    },
  };
}
