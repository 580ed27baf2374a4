import { CacheShares } from "./cache-shares.js";
import type { SqliteSettings } from "./config.js";
import type { Connect } from "./connection.js";
import { Engine } from "./engine.js";
import { translated } from "./errors.js";
import { type DatabaseFiles, FileGuard } from "./file-identity.js";
import { configure } from "./open-writer.js";
import { verifiedConnection } from "./verified-connection.js";

/** The page caches of all such connections, in KiB: they make small commits only. */
const caches = new CacheShares(32 * 1024, 8 * 1024);

/**
 * A second connection that writes, to files that another thread has open and has inspected. It never copies the log into
 * the database, because that would block this thread.
 */
export function openNearEngine(
  connect: Connect,
  { path, durability }: SqliteSettings,
  files: DatabaseFiles,
): Engine {
  const guard = new FileGuard(files);
  const connection = verifiedConnection(
    translated(() => connect(path, { fileMustExist: true })),
    guard,
  );
  try {
    configure(connection, durability);
    connection.exec("PRAGMA wal_autocheckpoint = 0");
    const engine = new Engine(connection, guard);
    caches.add(engine);
    return engine;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** To be called when the engine is closed. */
export function nearEngineClosed(engine: Engine): void {
  caches.remove(engine);
}
