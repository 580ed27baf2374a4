import { accessSync, constants, lstatSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { invalid, isStateError, StateError } from "../../src/contract/errors.js";
import type { Connect, Connection } from "./connection.js";
import { damaged, setup, translated } from "./errors.js";
import { refuseMountedFile } from "./file-mount.js";
import { refuseStrangeLog } from "./own-log.js";
import { APPLICATION_ID, schemaVersion } from "./schema.js";

/**
 * The schema version of the database in this file. INVALID_RECORD when it is another application's, CORRUPT when it is
 * no database, UNAVAILABLE when it cannot be written; the file stays as it is.
 */
export function inspectFile(connect: Connect, path: string): number {
  const file = statIfPresent(path);
  if (file === undefined) throw missing(path);
  if (!file.isFile()) throw invalid("path", "the path of a file");
  if (file.nlink > 1) throw twoNames(path);
  // One byte too is empty to SQLite, which then removes the log.
  if (file.size <= 1) {
    throw damaged(
      `the database file ${path} is empty, which a new one never is, so it has probably been cut off (move it away yourself if it never held anything)`,
    );
  }
  refuseMountedFile(realpathSync(path));
  requireWritable(path);
  refuseStrangeLog(realpathSync(path));
  // Only SQLite may open the file: the system drops every lock that this process holds on a file as soon as any of its
  // handles is closed, those of other connections included.
  return translated(() => {
    const connection = connect(path, { fileMustExist: true, readonly: hasLog(realpathSync(path)) });
    try {
      refuseForeign(connection);
      return schemaVersion(connection);
    } finally {
      connection.close();
    }
  });
}

/**
 * UNAVAILABLE when this user may not write the file and its folder, where SQLite keeps the log. A look at the file
 * without these rights would leave an empty log behind.
 */
function requireWritable(path: string): void {
  for (const target of [path, dirname(realpathSync(path))]) {
    try {
      accessSync(target, constants.W_OK);
    } catch (error) {
      throw setup(
        `the sqlite driver needs the right to write ${target}, and this user has not got it`,
        error,
      );
    }
  }
}

/**
 * UNAVAILABLE. SQLite names the log after the file, so that two who open one file by two names would overwrite each
 * other's work. `busy`, for a new file has another name too until its maker has removed that.
 */
function twoNames(path: string): StateError<"UNAVAILABLE"> {
  return new StateError(
    "UNAVAILABLE",
    `the database file ${path} has another name (a hard link): remove that, also if it is ${path}.new-…, which a crash may leave`,
    { details: { reason: "busy" } },
  );
}

/** UNAVAILABLE, for a file that is not to be made. */
export function missing(path: string): StateError<"UNAVAILABLE"> {
  return setup(`there is no database file ${path}: correct the path, or open it once with migrate: "apply"`);
}

/** What is at the path; `undefined` when nothing is. UNAVAILABLE when the folder is missing or closed. */
export function statIfPresent(path: string): Stats | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) statSync(dirname(path));
    // Another process may have made the file by now.
    if (found === undefined && lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink())
      throw setup(`${path} is a link to nowhere: make what it shall lead to, or remove it`);
    return found;
  } catch (error) {
    if (isStateError(error)) throw error;
    if ((error as NodeJS.ErrnoException).code === "ELOOP")
      throw setup(`${path} is a link that leads back to itself: correct it`, error);
    throw setup(`the folder ${dirname(path)} is missing or closed to this user: make it or open it`, error);
  }
}

/**
 * Whether there is a log to go with the file. With one, only a connection for reading leaves everything as it is: another
 * would write the log's contents into the file. Without one, it is the connection for reading that leaves things behind.
 */
function hasLog(path: string): boolean {
  return hasContent(`${path}-wal`) || hasContent(`${path}-journal`);
}

export function hasContent(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

function refuseForeign(connection: Connection): void {
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
