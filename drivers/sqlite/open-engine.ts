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

/** For a database that was open before. Whoever asks again waits for locks by itself. */
export const REOPEN_SETTINGS = { migrate: "verify", busyTimeoutMs: 0 } as const;

/** What writes to a database file. With `known`, the database must still be in those files, and have its schema. */
export async function openEngine(
  connect: Connect,
  settings: SqliteSettings,
  known?: DatabaseFiles,
): Promise<OpenEngine> {
  if (known !== undefined) new FileGuard(known).verify();
  const connection = await openWriter(connect, known ? { ...settings, ...REOPEN_SETTINGS } : settings);
  try {
    const files = known ?? databaseFiles(settings.path);
    return { engine: new Engine(connection, new FileGuard(files)), files };
  } catch (error) {
    connection.close();
    throw error;
  }
}
