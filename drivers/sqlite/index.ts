import { realpathSync } from "node:fs";
import type { Driver } from "../../src/driver.js";
import { type Health, healthOf } from "../health.js";
import { pendingAt } from "../migrations.js";
import { MEMORY, readConfig, type SqliteConfig } from "./config.js";
import { Engine } from "./engine.js";
import { translated } from "./errors.js";
import { inspectFile, statIfPresent } from "./existing-file.js";
import { FileIdentity } from "./file-identity.js";
import { loadPackage } from "./load-package.js";
import { whenUnlocked } from "./lock-wait.js";
import { openWriter } from "./open-writer.js";
import { Reader } from "./reader.js";
import { MIGRATIONS } from "./schema.js";
import { SqliteDriver } from "./sqlite-driver.js";

export type { Health } from "../health.js";
export type { MigrateMode } from "../migrations.js";
export type { SqliteConfig } from "./config.js";

/**
 * Opens a driver on a SQLite file, which several processes may share, or on a database in memory. Needs the package
 * better-sqlite3.
 *
 * INVALID_RECORD for a configuration that makes no sense and for another application's file; UNAVAILABLE when a
 * package, a folder or a right is missing (`setup`) or the file stays locked (`busy`); CORRUPT for a file that is no
 * database; SCHEMA_TOO_NEW and SCHEMA_OUTDATED. Each leaves the file as it was.
 */
export async function openSqlite(config: SqliteConfig): Promise<Driver> {
  const settings = readConfig(config);
  const connect = await loadPackage();
  const writing = await openWriter(connect, settings);
  try {
    if (settings.path === MEMORY) return new SqliteDriver(new Engine(writing), new Reader(writing), settings);
    const file = new FileIdentity(settings.path);
    // The log, which lies beside the file itself, keeps its place for as long as any connection is open.
    const log = new FileIdentity(`${realpathSync(settings.path)}-wal`);
    const verify = () => {
      file.verify();
      log.verify();
    };
    const reading = translated(() => connect(settings.path, { readonly: true, fileMustExist: true }));
    return new SqliteDriver(new Engine(writing, verify), new Reader(reading), settings);
  } catch (error) {
    writing.close();
    throw error;
  }
}

/** Names of the migrations that opening with `migrate: "apply"` would run. Changes nothing; errors as `openSqlite`. */
export async function pendingMigrations(config: SqliteConfig): Promise<readonly string[]> {
  const { path, busyTimeoutMs } = readConfig(config);
  if (path === MEMORY) return [];
  const connect = await loadPackage();
  const version =
    statIfPresent(path) === undefined
      ? 0
      : await whenUnlocked(() => inspectFile(connect, path), busyTimeoutMs);
  return pendingAt(version, MIGRATIONS).map(({ name }) => name);
}

/**
 * Whether the database can be reached and written, and the state of its schema; INVALID_RECORD when there is another
 * application's file. Makes no file and runs no migration.
 */
export function health(config: SqliteConfig): Promise<Health> {
  return healthOf(() => openSqlite({ ...config, migrate: "off" }));
}
