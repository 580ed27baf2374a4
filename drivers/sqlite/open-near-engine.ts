import { isStateError } from "../../src/contract/errors.js";
import { CacheShares } from "./cache-shares.js";
import type { SqliteSettings } from "./config.js";
import type { Connect } from "./connection.js";
import type { Engine } from "./engine.js";
import { statIfPresent } from "./existing-file.js";
import type { DatabaseFiles } from "./file-identity.js";
import { type OpenEngine, openEngine } from "./open-engine.js";

/** The page caches of all engines that make small commits only, in KiB. */
const caches = new CacheShares(32 * 1024, 8 * 1024);

/**
 * Opens a database file in the caller's thread, for an engine that makes small commits only. It never copies the log into
 * the database, because that would block the thread. `undefined` when there are migrations to run, which may take long.
 */
export async function openNear(
  connect: Connect,
  settings: SqliteSettings,
  known?: DatabaseFiles,
): Promise<OpenEngine | undefined> {
  const runsMigrations = settings.migrate === "apply" && statIfPresent(settings.path) !== undefined;
  try {
    const opened = await openEngine(
      connect,
      runsMigrations ? { ...settings, migrate: "verify" } : settings,
      known,
    );
    opened.engine.leaveLog();
    caches.add(opened.engine);
    return opened;
  } catch (error) {
    if (runsMigrations && isStateError(error, "SCHEMA_OUTDATED")) return undefined;
    throw error;
  }
}

/** To be called when the engine is closed. */
export function nearClosed(engine: Engine): void {
  caches.remove(engine);
}
