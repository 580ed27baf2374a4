import { type BigIntStats, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
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
}

/** No file system's clock is coarser; a folder that changed within this time may change again unnoticed. */
const COARSEST_CLOCK_MS = 2_000;

export function databaseFiles(path: string): DatabaseFiles {
  return { database: identify(path), log: identify(`${realpathSync(path)}-wal`) };
}

/** Sees to it that what is written into a database or its log does not vanish: they may be removed while open. */
export class FileGuard {
  readonly #files: DatabaseFiles;
  /** The folder of the log when the log was last seen in its place. */
  #folder: BigIntStats | undefined;

  constructor(files: DatabaseFiles) {
    this.#files = files;
  }

  /**
   * UNAVAILABLE when one of the files is gone or another. The log itself is looked at only when something in its folder
   * has changed: once its times have been read, the system has to write down new ones with the next sync, which then
   * takes half as long again (Linux 6.13 and later).
   */
  verify(): void {
    const { database, log } = this.#files;
    verifyPlace(database);
    const folder = look(dirname(log.path));
    if (this.#folder !== undefined && folder !== undefined && isUnchanged(this.#folder, folder)) return;
    verifyPlace(log);
    this.#folder = folder;
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
  if (found?.ino === file.inode && found.dev === file.device) return;
  throw setup(
    `${file.path} was ${found === undefined ? "removed" : "replaced"} while it was open: open the store again once the right files are there`,
  );
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
