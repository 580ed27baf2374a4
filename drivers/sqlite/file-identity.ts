import { type BigIntStats, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { StateError } from "../../src/contract/errors.js";
import { setup } from "./errors.js";

/** Which file lay at a path. Plain data, so that another thread may watch over the same file. */
export interface FileIdentity {
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
}

export interface DatabaseFiles {
  readonly database: FileIdentity;
  /** The log, which keeps its place beside the database for as long as any connection is open. */
  readonly log: FileIdentity;
  /** What the processes share about the log, which keeps its place for as long. */
  readonly index: FileIdentity;
}

/** No file system's clock is coarser; a folder that changed within this time may change again unnoticed. */
const COARSEST_CLOCK_MS = 2_000;

export function databaseFiles(path: string): DatabaseFiles {
  const place = realpathSync(path);
  return { database: identify(path), log: identify(`${place}-wal`), index: identify(`${place}-shm`) };
}

/** Sees to it that what is written into a database or its log does not vanish: they may be removed while open. */
export class FileGuard {
  readonly #files: DatabaseFiles;
  /** The folder of the log when the log was last seen in its place. */
  #folder: BigIntStats | undefined;

  constructor(files: DatabaseFiles) {
    this.#files = files;
  }

  /** UNAVAILABLE when one of the files is gone or another. */
  verify(): void {
    verifyPlace(this.#files.database);
    this.#verifyFolder();
  }

  /**
   * OUTCOME_UNKNOWN when one of the files is gone or another after a commit: it may have been written into what no longer
   * has a name, where nobody will look for it.
   */
  verifyCommitted(): void {
    try {
      this.#verifyFolder();
    } catch (error) {
      const message = "the commit was made into files that another program removed or replaced meanwhile";
      throw new StateError("OUTCOME_UNKNOWN", message, { details: {}, cause: error });
    }
  }

  /** Whether all of them lie where they did. */
  isInPlace(): boolean {
    try {
      this.#verifyFolder();
      return true;
    } catch {
      return false;
    }
  }

  /**
   * The files are looked at only when something in their folder has changed: once the log's times have been read, the
   * system has to write down new ones with the next sync, which then takes half as long again (Linux 6.13 and later).
   */
  #verifyFolder(): void {
    const { database, log, index } = this.#files;
    const folder = look(dirname(log.path));
    if (this.#folder !== undefined && folder !== undefined && isUnchanged(this.#folder, folder)) return;
    for (const file of [database, log, index]) verifyPlace(file);
    this.#folder = folder;
  }
}

/** Whether it lies where it did. */
export function isInPlace(file: FileIdentity): boolean {
  return is(lookIfReachable(file.path), file);
}

/** Whether something lies at its place that is not this file. */
export function isReplaced(file: FileIdentity): boolean {
  const found = lookIfReachable(file.path);
  return found !== undefined && !is(found, file);
}

/** UNAVAILABLE, for a file that does not lie where it did. */
export function displaced(file: FileIdentity, advice: string) {
  const what = lookIfReachable(file.path) === undefined ? "removed" : "replaced";
  return setup(`${file.path} was ${what} while it was open: ${advice}`);
}

function is(found: BigIntStats | undefined, { device, inode }: FileIdentity): boolean {
  return found?.ino === inode && found.dev === device;
}

function lookIfReachable(path: string): BigIntStats | undefined {
  try {
    return look(path);
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

function verifyPlace(file: FileIdentity): void {
  const found = look(file.path);
  if (!is(found, file)) throw displaced(file, "open the store again once the right files are there");
}

function identify(path: string): FileIdentity {
  const { dev, ino } = statSync(path, { bigint: true });
  return { path, device: dev, inode: ino };
}

function look(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    throw setup(`${path} can no longer be reached`, error);
  }
}
