import type { Driver } from "../../src/contract/driver.js";
import { type Health, type HealthOptions, healthOf } from "../health.js";
import { pendingAt } from "../migrations.js";
import { AdaptiveWriter } from "./adaptive-writer.js";
import { CacheShares } from "./cache-shares.js";
import { MEMORY, readConfig, type SqliteConfig, type SqliteSettings } from "./config.js";
import type { Connect } from "./connection.js";
import { Engine } from "./engine.js";
import { translated } from "./errors.js";
import { inspectFile, statIfPresent } from "./existing-file.js";
import { claimFile } from "./file-claims.js";
import { type DatabaseFiles, FileGuard } from "./file-identity.js";
import { loadPackage, type SqlitePackage } from "./load-package.js";
import { retryWhileLocked } from "./lock-wait.js";
import { LongLists } from "./long-lists.js";
import { openEngine, REOPEN_SETTINGS } from "./open-engine.js";
import { nearClosed, openNear } from "./open-near-engine.js";
import { openWriter } from "./open-writer.js";
import { Reader } from "./reader.js";
import { type Connections, ReopenableConnections } from "./reopenable-connections.js";
import { MIGRATIONS } from "./schema.js";
import { SqliteDriver } from "./sqlite-driver.js";
import { RemoteWriter } from "./thread/remote-writer.js";
import { requireThreads } from "./thread/writer-thread.js";
import { verifiedConnection } from "./verified-connection.js";
import type { Writer } from "./writer.js";

export type { Health, HealthOptions, WriteProbe } from "../health.js";
export type { MigrateMode } from "../migrations.js";
export { backup } from "./backup.js";
export { compact } from "./compact.js";
export type { SqliteConfig } from "./config.js";

/**
 * Opens a driver on a SQLite file, which several processes may share, or on a database in memory. Needs the package
 * better-sqlite3.
 *
 * INVALID_RECORD for a configuration that makes no sense and for another application's file; UNAVAILABLE when a
 * package, a folder or a right is missing (`setup`) or the file stays locked (`busy`); CORRUPT for a file that is no
 * database; SCHEMA_TOO_NEW and SCHEMA_OUTDATED. Each leaves the file as it was.
 *
 * @example
 * ```ts
 * import { createStore } from "groundstate";
 * import { openSqlite } from "groundstate/drivers/sqlite";
 *
 * const file = createStore(await openSqlite({ path: "./state.db" }));
 * await file.close();
 * ```
 */
export async function openSqlite(config: SqliteConfig): Promise<Driver> {
  const settings = readConfig(config);
  const sqlite = await loadPackage();
  if (settings.path === MEMORY) {
    const connection = await openWriter(sqlite.connect, settings);
    const connections = {
      writer: new Engine(connection, undefined, settings),
      reader: new Reader(connection),
    };
    return new SqliteDriver(new ReopenableConnections(connections, async () => connections), settings);
  }
  const release = claimFile(settings.path, sqlite.location);
  try {
    return await openFile(sqlite, settings, release);
  } catch (error) {
    release();
    throw error;
  }
}

/** The page caches of all connections of this thread, in KiB. */
const readerCaches = new CacheShares(128 * 1024, 16 * 1024);
const writerCaches = new CacheShares(64 * 1024, 32 * 1024);

async function openFile(
  sqlite: SqlitePackage,
  settings: SqliteSettings,
  release: () => void,
): Promise<Driver> {
  const connections = await openConnections(sqlite, settings);
  const reopenable = new ReopenableConnections(connections, () =>
    openConnections(sqlite, { ...settings, ...REOPEN_SETTINGS }),
  );
  try {
    // Claims the file again: a new file has an inode only now.
    const releaseFile = claimFile(settings.path, sqlite.location);
    return new SqliteDriver(reopenable, settings, () => {
      releaseFile();
      release();
    });
  } catch (error) {
    await reopenable.close();
    throw error;
  }
}

async function openConnections(sqlite: SqlitePackage, settings: SqliteSettings): Promise<Connections> {
  const { writer, files } = await openFileWriter(sqlite, settings);
  try {
    const reader = await openReader(sqlite.connect, settings, files);
    readerCaches.add(reader);
    if (writer instanceof Engine) writerCaches.add(writer);
    const onClosed = () => {
      readerCaches.remove(reader);
      if (writer instanceof Engine) writerCaches.remove(writer);
    };
    return { writer, reader, files, onClosed };
  } catch (error) {
    await writer.close();
    throw error;
  }
}

/** Reads once, because only then the connection keeps the log in place when the writing connection is lost. */
async function openReader(
  connect: Connect,
  { path, busyTimeoutMs }: SqliteSettings,
  files: DatabaseFiles,
): Promise<Reader> {
  const openOne = () => translated(() => connect(path, { readonly: true, fileMustExist: true }));
  const connection = openOne();
  try {
    const guard = new FileGuard(files);
    const reader = new Reader(connection, new LongLists(() => verifiedConnection(openOne(), guard)));
    await retryWhileLocked(() => reader.schemaVersion(), busyTimeoutMs);
    return reader;
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function openFileWriter(
  sqlite: SqlitePackage,
  settings: SqliteSettings,
): Promise<{ writer: Writer; files: DatabaseFiles }> {
  if (settings.thread === "inline") {
    const { engine, files } = await openEngine(sqlite.connect, settings);
    return { writer: engine, files };
  }
  return openThreadedWriter(sqlite, settings);
}

/** Starts no thread: the first work that needs one does, unless there are migrations to run. */
async function openThreadedWriter(
  sqlite: SqlitePackage,
  settings: SqliteSettings,
): Promise<{ writer: Writer; files: DatabaseFiles }> {
  requireThreads();
  const { connect } = sqlite;
  const near = await openNear(connect, settings);
  if (near !== undefined) {
    const far = new RemoteWriter(settings, sqlite, near.files);
    return { writer: new AdaptiveWriter(far, near.engine, nearClosed), files: near.files };
  }
  const far = new RemoteWriter(settings, sqlite);
  try {
    const files = await far.open();
    const engine = (await openNear(connect, { ...settings, ...REOPEN_SETTINGS }, files))?.engine;
    return { writer: new AdaptiveWriter(far, engine, nearClosed), files };
  } catch (error) {
    await far.close();
    throw error;
  }
}

/** Names of the migrations that opening with `migrate: "apply"` would run. Changes nothing; errors as `openSqlite`. */
export async function pendingMigrations(config: SqliteConfig): Promise<readonly string[]> {
  const { path, busyTimeoutMs } = readConfig(config);
  if (path === MEMORY) return [];
  const { connect, location } = await loadPackage();
  if (statIfPresent(path) === undefined) return pendingAt(0, MIGRATIONS).map(({ name }) => name);
  const release = claimFile(path, location);
  const version = await retryWhileLocked(() => inspectFile(connect, path), busyTimeoutMs).finally(release);
  return pendingAt(version, MIGRATIONS).map(({ name }) => name);
}

/**
 * Whether the database can be opened for writing, the state of its schema and, on request, whether a write succeeds;
 * INVALID_RECORD when there is another application's file. Makes no file and runs no migration.
 */
export async function health(config: SqliteConfig, options?: HealthOptions): Promise<Health> {
  readConfig(config);
  return healthOf(() => openSqlite({ ...config, migrate: "off", thread: "inline" }), options);
}
