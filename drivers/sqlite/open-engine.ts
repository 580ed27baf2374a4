import type { SqliteSettings } from "./config.js";
import type { Connect } from "./connection.js";
import { Engine } from "./engine.js";
import { type DatabaseFiles, databaseFiles, FileGuard } from "./file-identity.js";
import { openWriter } from "./open-writer.js";

export interface OpenEngine {
  readonly engine: Engine;
  /** The files it writes. */
  readonly files: DatabaseFiles;
}

/** Settings for opening a database again. The caller retries while it is locked, so no wait is needed here. */
export const REOPEN_SETTINGS = { migrate: "verify", busyTimeoutMs: 0 } as const;

/** Opens a database file for writing. With `known`, it must still be in these files and have an up-to-date schema. */
export async function openEngine(
  connect: Connect,
  settings: SqliteSettings,
  known?: DatabaseFiles,
): Promise<OpenEngine> {
  const guard = known && new FileGuard(known);
  guard?.verify();
  const connection = await openWriter(connect, known ? { ...settings, ...REOPEN_SETTINGS } : settings);
  try {
    // Where the log was removed meanwhile, the connection has made a new one.
    guard?.verify();
    const files = known ?? databaseFiles(settings.path);
    return { engine: new Engine(connection, new FileGuard(files), settings), files };
  } catch (error) {
    connection.close();
    // Closed, it has taken its new log along.
    guard?.verify();
    throw error;
  }
}
