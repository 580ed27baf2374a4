import type { Driver } from "../../src/contract/driver.js";
import { type Health, type HealthOptions, healthOf } from "../health.js";
import type { PostgresConfig } from "./config.js";
import { type IsolateConfig, isolate } from "./isolation/isolate-tenants.js";
import type { RoleFinding } from "./isolation/role-findings.js";
import { findRoles } from "./isolation/validate-roles.js";
import { openDriver } from "./open.js";

export type { Health, HealthOptions, WriteProbe } from "../health.js";
export type { MigrateMode } from "../migrations.js";
export type { PostgresClient } from "./client.js";
export type { AdminConfig, PostgresConfig } from "./config.js";
export type { IsolateConfig } from "./isolation/isolate-tenants.js";
export type { RoleFinding } from "./isolation/role-findings.js";

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

/**
 * Migrates a store as its owner, and prepares its tables for `isolation: "tenant"`: row-level security by tenant, and the key by
 * which statements prove theirs. Does only what is missing, so run it with each release. Stores without isolation that open as
 * another role than the owner are shut out from then on. A further key is let in beside the ones before.
 *
 * @example
 * ```ts
 * import { isolateTenants } from "groundstate/drivers/postgres";
 *
 * await isolateTenants({ url, tenantKey: process.env.TENANT_KEY ?? "" });
 * ```
 */
export async function isolateTenants(config: IsolateConfig): Promise<void> {
  await isolate(config);
}

/**
 * What the role of `url`, and that of `admin`, have too much or too little for a store that is opened with this configuration:
 * no findings if all is well. Reads catalogs alone. UNAVAILABLE if a login does not succeed.
 *
 * @example
 * ```ts
 * import { validateRoles } from "groundstate/drivers/postgres";
 *
 * for (const { role, finding, what, how } of await validateRoles({ url })) console.log(role, finding, what, how);
 * ```
 */
export async function validateRoles(config: PostgresConfig): Promise<readonly RoleFinding[]> {
  return findRoles(config);
}
