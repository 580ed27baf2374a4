import { randomUUID } from "node:crypto";
import {
  type BigIntStats,
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Connect } from "./connection.js";
import { corruptError, setupError, translated } from "./errors.js";
import { hasContent, statIfPresent } from "./existing-file.js";
import { APPLICATION_ID, applyMigrations } from "./schema.js";

/** Only the owner may read and write. SQLite gives the log and its index the mode of the file. */
const OWNER_ONLY = 0o600;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Makes the database file under another name first, and renames it when it is complete: another process that opens the
 * path finds either nothing or a complete database. If several processes make the file at once, one file stays.
 */
export async function createFile(connect: Connect, path: string): Promise<void> {
  refuseOrphanedLog(path);
  const draft = `${path}.new-${randomUUID()}`;
  try {
    await build(connect, draft);
    publish(draft, path);
  } finally {
    for (const suffix of ["", "-journal", "-wal", "-shm"]) rmSync(`${draft}${suffix}`, { force: true });
  }
  syncFolder(dirname(path));
}

/**
 * Removes the draft name of a file whose creating process ended between adding the final name and removing the draft name.
 * Ignores errors: the inspection of the file that follows reports them.
 */
export function removeDraftName(path: string): void {
  try {
    const file = statSync(path, { bigint: true });
    if (file.nlink > 1n)
      for (const draft of draftsOf(path)) if (isSameFile(file, draft)) rmSync(draft, { force: true });
  } catch {}
}

/** CORRUPT when there is a log without its database: SQLite would play it into the new one. */
function refuseOrphanedLog(path: string): void {
  for (const log of [`${path}-wal`, `${path}-journal`]) {
    if (hasContent(log) && statIfPresent(path) === undefined) {
      throw corruptError(
        `the database file ${path} is missing, but its log ${log} is there (restore both, or move the log)`,
      );
    }
  }
}

function draftsOf(path: string): readonly string[] {
  const folder = dirname(path);
  const start = `${basename(path)}.new-`;
  const isDraft = (name: string) => name.startsWith(start) && UUID.test(name.slice(start.length));
  return readdirSync(folder)
    .filter(isDraft)
    .map((name) => join(folder, name));
}

function isSameFile({ dev, ino }: BigIntStats, path: string): boolean {
  const other = statSync(path, { bigint: true, throwIfNoEntry: false });
  return other?.dev === dev && other.ino === ino;
}

async function build(connect: Connect, draft: string): Promise<void> {
  makeEmpty(draft);
  const connection = translated(() => connect(draft));
  try {
    translated(() =>
      connection.exec(
        // `compact` can then give pages back in pieces; it has to be said before there are tables.
        `PRAGMA auto_vacuum = INCREMENTAL; PRAGMA synchronous = FULL; PRAGMA application_id = ${APPLICATION_ID}`,
      ),
    );
    await applyMigrations(connection);
    translated(() => connection.exec("PRAGMA journal_mode = WAL"));
  } finally {
    connection.close();
  }
}

/** Makes an empty file with an exact mode, whatever the umask. To SQLite it is an empty database. */
export function makeEmpty(path: string): void {
  try {
    const handle = openSync(path, "wx", OWNER_ONLY);
    try {
      fchmodSync(handle, OWNER_ONLY);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    throw setupError(
      `no file can be made in ${dirname(path)}: this user needs the right to write there, and the disk must have room`,
      error,
    );
  }
}

/** Gives the file its name. Does nothing if another process has made one meanwhile. */
function publish(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw setupError(
      `the database file ${path} could not be made: its file system must allow hard links`,
      error,
    );
  }
}

/** Makes the new name durable. Windows does so by itself. */
export function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  try {
    const handle = openSync(folder, "r");
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    throw setupError(
      `the folder ${folder} could not be synced to disk after a database file was made in it`,
      error,
    );
  }
}
