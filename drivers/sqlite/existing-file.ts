import { accessSync, constants, lstatSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { invalid, isStateError, StateError } from "../../src/contract/errors.js";
import type { Connect, Connection } from "./connection.js";
import { corruptError, setupError, translated } from "./errors.js";
import { refuseMountedFile } from "./file-mount.js";
import { refuseForeignLog } from "./foreign-log.js";
import { APPLICATION_ID, schemaVersion } from "./schema.js";

/**
 * The schema version of the database in this file. INVALID_RECORD when the file belongs to another application, CORRUPT
 * when it is no database, UNAVAILABLE when it cannot be written. Never changes the file.
 */
export function inspectFile(connect: Connect, path: string): number {
  const file = statIfPresent(path);
  if (file === undefined) throw missingFile(path);
  if (!file.isFile()) throw invalid("path", "the path of a file");
  if (file.nlink > 1) throw hardLinked(path);
  // SQLite treats a file of one byte as empty too, and then removes the log.
  if (file.size <= 1) {
    throw corruptError(
      `the database file ${path} is empty, which a new one never is, so it has probably been cut off (move it away yourself if it never held anything)`,
    );
  }
  refuseMountedFile(realpathSync(path));
  requireWritable(path);
  refuseForeignLog(realpathSync(path));
  // Only SQLite may open the file: as soon as one handle of a file is closed, the system drops every lock that this
  // process holds on that file, including locks of other connections.
  return translated(() => {
    const connection = connect(path, { fileMustExist: true, readonly: hasLog(realpathSync(path)) });
    try {
      refuseOtherApplication(connection);
      return schemaVersion(connection);
    } finally {
      connection.close();
    }
  });
}

/**
 * UNAVAILABLE when this user may not write the file and its folder, where SQLite keeps the log. Opening the file without
 * these rights would leave an empty log behind.
 */
function requireWritable(path: string): void {
  for (const target of [path, dirname(realpathSync(path))]) {
    try {
      accessSync(target, constants.W_OK);
    } catch (error) {
      throw setupError(
        `the sqlite driver needs the right to write ${target}, and this user has not got it`,
        error,
      );
    }
  }
}

/**
 * UNAVAILABLE. SQLite names the log after the file, so two processes that open one file by two names would overwrite each
 * other's work. The reason is `busy`: a new file has a second name until the process that creates it removes that name.
 */
function hardLinked(path: string): StateError<"UNAVAILABLE"> {
  return new StateError(
    "UNAVAILABLE",
    `the database file ${path} has another name (a hard link): remove that, also if it is ${path}.new-…, which a crash may leave`,
    { details: { reason: "busy" } },
  );
}

/** UNAVAILABLE: the file does not exist, and the migrate mode forbids creating it. */
export function missingFile(path: string): StateError<"UNAVAILABLE"> {
  return setupError(
    `there is no database file ${path}: correct the path, or open it once with migrate: "apply"`,
  );
}

/** What is at the path; `undefined` when nothing is. UNAVAILABLE when the folder is missing or closed. */
export function statIfPresent(path: string): Stats | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) statSync(dirname(path));
    // Another process may have made the file by now.
    if (found === undefined && lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink())
      throw setupError(`${path} is a link to nowhere: make what it shall lead to, or remove it`);
    return found;
  } catch (error) {
    if (isStateError(error)) throw error;
    if ((error as NodeJS.ErrnoException).code === "ELOOP")
      throw setupError(`${path} is a link that leads back to itself: correct it`, error);
    throw setupError(
      `the folder ${dirname(path)} is missing or closed to this user: make it or open it`,
      error,
    );
  }
}

/**
 * Whether the file has a log. With a log, only a read-only connection changes nothing: another one would write the log's
 * contents into the file. Without a log, a read-only connection would leave files behind.
 */
function hasLog(path: string): boolean {
  return hasContent(`${path}-wal`) || hasContent(`${path}-journal`);
}

export function hasContent(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

function refuseOtherApplication(connection: Connection): void {
  const id = connection.pragma("application_id", { simple: true });
  if (id !== APPLICATION_ID) {
    throw invalid(
      "path",
      "a Groundstate database or where no file is; this file belongs to another application",
    );
  }
  // Reads the schema, so that damage to it shows before anything is written.
  connection.prepare("SELECT count(*) FROM sqlite_schema").get();
}
