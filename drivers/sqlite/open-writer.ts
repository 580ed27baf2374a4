import { migrate, pendingAt } from "../migrations.js";
import { MEMORY, type SqliteSettings } from "./config.js";
import type { Connect, Connection } from "./connection.js";
import { setupError, translated } from "./errors.js";
import { inspectFile, missingFile, statIfPresent } from "./existing-file.js";
import { retryWhileLocked } from "./lock-wait.js";
import { createFile, removeDraftName } from "./new-file.js";
import { APPLICATION_ID, applyMigrations, MIGRATIONS, migrationTarget } from "./schema.js";

/** The numbers SQLite reports for `synchronous`. */
const SYNCHRONOUS = { full: 2, process: 1 } as const;

/** 16 MiB in pages of 4 KiB: the log is copied into the file when it has grown by this. */
const CHECKPOINT_PAGES = 4_000;
/** SQLite truncates a longer log to this size after a reset, in bytes. */
const LOG_BYTES = 32 * 1024 * 1024;
const CACHE_KIB = 32 * 1024;

/** Opens the connection that writes, and makes sure that the database is Groundstate's and its schema is right. */
export async function openWriter(connect: Connect, settings: SqliteSettings): Promise<Connection> {
  if (settings.path === MEMORY) {
    const connection = connect(MEMORY);
    connection.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    setSecureDelete(connection, settings.secureErase);
    await applyMigrations(connection);
    return connection;
  }
  await ensureFile(connect, settings);
  return openFile(connect, settings);
}

async function ensureFile(connect: Connect, { path, migrate, busyTimeoutMs }: SqliteSettings): Promise<void> {
  if (statIfPresent(path) !== undefined) return removeDraftName(path);
  if (migrate !== "apply") throw missingFile(path);
  await retryWhileLocked(() => createFile(connect, path), busyTimeoutMs);
}

async function openFile(connect: Connect, settings: SqliteSettings): Promise<Connection> {
  const { path, durability, busyTimeoutMs, secureErase } = settings;
  const version = await retryWhileLocked(() => inspectFile(connect, path), busyTimeoutMs);
  pendingAt(version, MIGRATIONS);
  const connection = translated(() => connect(path, { fileMustExist: true }));
  try {
    await retryWhileLocked(() => translated(() => configure(connection, durability)), busyTimeoutMs);
    setSecureDelete(connection, secureErase);
    await retryWhileLocked(
      () => migrate(migrationTarget(connection), MIGRATIONS, settings.migrate),
      busyTimeoutMs,
    );
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Zeros in the place of deleted content. */
function setSecureDelete(connection: Connection, secureErase: boolean): void {
  translated(() => connection.exec(`PRAGMA secure_delete = ${secureErase ? "ON" : "OFF"}`));
}

/** Settings that last as long as the connection. better-sqlite3 weakens `synchronous` whenever it opens a WAL file. */
export function configure(connection: Connection, durability: SqliteSettings["durability"]): void {
  const journal = connection.pragma("journal_mode = WAL", { simple: true });
  if (journal !== "wal")
    throw setupError(`the file system does not allow a write-ahead log (got ${journal})`);
  const wanted = SYNCHRONOUS[durability];
  connection.exec(`PRAGMA synchronous = ${wanted}`);
  const synchronous = connection.pragma("synchronous", { simple: true });
  if (synchronous !== wanted) {
    throw setupError(
      `SQLite is at synchronous = ${synchronous} and cannot promise durability: "${durability}"`,
    );
  }
  connection.exec(`
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
    PRAGMA journal_size_limit = ${LOG_BYTES};
    PRAGMA cache_size = -${CACHE_KIB};
  `);
}
