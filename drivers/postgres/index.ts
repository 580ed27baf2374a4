import type { Driver } from "../../src/contract/driver.js";
import { type Health, type HealthOptions, healthOf } from "../health.js";
import type { PostgresConfig } from "./config.js";
import { openDriver } from "./open.js";

export type { Health, HealthOptions, WriteProbe } from "../health.js";
export type { MigrateMode } from "../migrations.js";
export type { PostgresClient } from "./client.js";
export type { PostgresConfig } from "./config.js";

/**
 * Opens a driver on a Postgres database, 14 or newer, through the `postgres` package.
 *
 * @example
 * ```ts
 * import { createStore } from "groundstate";
 * import { openPostgres } from "groundstate/drivers/postgres";
 *
 * const opened = await openPostgres({ url, migrate: "verify" });
 * const server = createStore(opened, { layers: opened.layers ?? [] });
 * await server.close();
 * ```
 */
export async function openPostgres(config: PostgresConfig): Promise<Driver> {
  return openDriver(config);
}

/** The names of the migrations that opening with `migrate: "apply"` would run. */
export async function pendingMigrations(config: PostgresConfig): Promise<readonly string[]> {
  const driver = await openDriver({ ...config, migrate: "off" });
  try {
    return (await driver.status()).pendingMigrations;
  } finally {
    await driver.close();
  }
}

/**
 * Whether the database answers, the state of its schema and, on request, whether a write succeeds. Runs no migration.
 * Uses a pool of its own; a store's events report on the store's pool.
 *
 * @example
 * ```ts
 * import { health } from "groundstate/drivers/postgres";
 *
 * const found = await health({ url }, { write: true });
 * if (!found.reachable) console.log(found.error.message);
 * ```
 */
export async function health(config: PostgresConfig, options?: HealthOptions): Promise<Health> {
  return healthOf(() => openDriver({ ...config, migrate: "off", openTimeoutMs: 0 }), options);
}
