import type { Connect } from "./connection.js";
import { setupError } from "./errors.js";

/** The first fixed version of each release line, oldest line first. */
const FIRST_SOUND = [
  [3, 44, 6],
  [3, 50, 7],
  [3, 51, 3],
] as const;

/**
 * UNAVAILABLE for a SQLite with the WAL reset bug: a reset of the log during a checkpoint of another connection can damage
 * the database. It affects 3.7.0 to 3.51.2, except the fixed 3.44.6 and 3.50.7 (https://sqlite.org/wal.html#walresetbug).
 */
export function requireSoundLibrary(connect: Connect, name: string, compatible: string): void {
  const version = libraryVersion(connect);
  if (isSound(version)) return;
  throw setupError(
    `${name} brings SQLite ${version}, which can damage a database that several connections use (WAL reset, corrected in SQLite 3.51.3): npm install ${compatible}`,
  );
}

/** Whether SQLite of this version is without that bug. */
export function isSound(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  const fixed = FIRST_SOUND.find((sound) => sound[0] === major && sound[1] === minor);
  if (fixed !== undefined) return patch >= fixed[2];
  return major > 3 || (major === 3 && minor > 51);
}

function libraryVersion(connect: Connect): string {
  const connection = connect(":memory:");
  try {
    return String(connection.prepare("SELECT sqlite_version()").raw().get());
  } finally {
    connection.close();
  }
}
