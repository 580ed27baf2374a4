import { type BigIntStats, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { StateError } from "../../src/contract/errors.js";
import { setupError } from "./errors.js";

/** Which file lay at a path. Plain data, so that it can be sent to another thread. */
export interface FileIdentity {
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
}

export interface DatabaseFiles {
  readonly database: FileIdentity;
  /** The write-ahead log (-wal). SQLite keeps it beside the database while any connection is open. */
  readonly log: FileIdentity;
  /** The index of the log (-shm), which the processes share. SQLite keeps it as long as the log. */
  readonly index: FileIdentity;
}

/** No file system's clock is coarser than this. A folder that changed within this time may change again unnoticed. */
const COARSEST_CLOCK_MS = 2_000;

export function databaseFiles(path: string): DatabaseFiles {
  const database = identify(path);
  const realPath = realpathSync(path);
  return { database, log: identify(`${realPath}-wal`), index: identify(`${realPath}-shm`) };
}

/** Detects that a database or its log was removed or replaced while open: writes to them would be lost. */
export class FileGuard {
  readonly #files: DatabaseFiles;
  /** The state of the folder when all files were last found in place. */
  #folder: BigIntStats | undefined;

  constructor(files: DatabaseFiles) {
    this.#files = files;
  }

  /** UNAVAILABLE when one of the files was removed or replaced. */
  verify(): void {
    const { database, log } = this.#files;
    // A database beside its log is checked with their folder; by a link it may be in another one.
    if (dirname(database.path) !== dirname(log.path)) requireInPlace(database);
    this.#verifyFolder();
  }

  /**
   * OUTCOME_UNKNOWN when one of the files was removed or replaced by the time a commit is done: the commit may be in a file
   * that no longer has a name, where nobody will find it.
   */
  verifyCommitted(): void {
    try {
      this.#verifyFolder();
    } catch (error) {
      const message = "the commit was made into files that another program removed or replaced meanwhile";
      throw new StateError("OUTCOME_UNKNOWN", message, { details: {}, cause: error });
    }
  }

  /** Whether all files are still in place. */
  isInPlace(): boolean {
    try {
      this.#verifyFolder();
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Reads the state of the files only when their folder has changed: after the log's times have been read, the next sync
   * has to store new times, which makes it half as slow again (Linux 6.13 and later).
   */
  #verifyFolder(): void {
    const { database, log, index } = this.#files;
    const folder = statFile(dirname(log.path));
    if (this.#folder !== undefined && folder !== undefined && isUnchanged(this.#folder, folder)) return;
    for (const file of [database, log, index]) requireInPlace(file);
    this.#folder = folder;
  }
}

/** Whether the file is still at its path. */
export function isInPlace(file: FileIdentity): boolean {
  return isSameFile(statIfReachable(file.path), file);
}

/** Whether another file lies at its path and holds something: whoever only reads a database leaves an empty log. */
export function isReplaced(file: FileIdentity): boolean {
  const found = statIfReachable(file.path);
  return found !== undefined && found.size > 0n && !isSameFile(found, file);
}

/** UNAVAILABLE: the file was removed from its path or replaced. */
export function displaced(file: FileIdentity, advice: string) {
  const what = isReplaced(file) ? "replaced" : "removed";
  return setupError(`${file.path} was ${what} while it was open: ${advice}`);
}

function isSameFile(found: BigIntStats | undefined, { device, inode }: FileIdentity): boolean {
  return found?.ino === inode && found.dev === device;
}

function statIfReachable(path: string): BigIntStats | undefined {
  try {
    return statFile(path);
  } catch {
    return undefined;
  }
}

function isUnchanged(before: BigIntStats, now: BigIntStats): boolean {
  return (
    now.ino === before.ino &&
    now.dev === before.dev &&
    now.mtimeNs === before.mtimeNs &&
    now.ctimeNs === before.ctimeNs &&
    Date.now() - Number(now.ctimeMs) > COARSEST_CLOCK_MS
  );
}

function requireInPlace(file: FileIdentity): void {
  const found = statFile(file.path);
  if (!isSameFile(found, file)) throw displaced(file, "open the store again once the right files are there");
}

function identify(path: string): FileIdentity {
  const found = statFile(path);
  if (found === undefined) throw setupError(`${path} was removed while the database was being opened`);
  return { path, device: found.dev, inode: found.ino };
}

function statFile(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    throw setupError(`${path} can no longer be reached`, error);
  }
}
