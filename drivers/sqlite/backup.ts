import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, linkSync, openSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { invalid } from "../../src/contract/errors.js";
import type { StateStore } from "../../src/contract/store.js";
import { processState } from "../../src/process/process-state.js";
import type { Connect, Connection } from "./connection.js";
import { setupError, translate } from "./errors.js";
import { inspectFile, statIfPresent } from "./existing-file.js";
import { makeEmpty, syncFolder } from "./new-file.js";

/** A driver that can copy its database, as of one moment. */
export interface BackupCapable {
  /** Takes an absolute path. */
  backup(target: string): Promise<void>;
}

/** The backup method of better-sqlite3's connections. */
interface Copying {
  backup(path: string, options: { readonly progress: () => number }): Promise<unknown>;
}

/** Pages copied at a time; between two slices the thread does other work. */
const SLICE_PAGES = 256;

/**
 * Copies the database of a store that is open on SQLite into a new file, which holds everything that was acknowledged
 * before the call. Reads and writes go on meanwhile. When the promise resolves, the copy is on the disk, has mode 0600,
 * and has been checked to be a Groundstate database. Use this and no other SQLite library in this process: another
 * library would drop the store's locks.
 *
 * INVALID_RECORD for a store that is not on SQLite, and when the path exists already. UNAVAILABLE when the copy cannot be
 * written. No error leaves a file at the path.
 *
 * @example
 * ```ts
 * import { backup } from "groundstate/drivers/sqlite";
 *
 * await backup(store, `./backups/${new Date().toISOString().slice(0, 10)}.db`);
 * ```
 */
export async function backup(store: StateStore, path: string): Promise<void> {
  const driver = processState.bareDrivers.get(store) as Partial<BackupCapable> | undefined;
  if (typeof driver?.backup !== "function") throw invalid("store", "a store that is open on SQLite");
  if (typeof path !== "string" || path === "" || path.includes("\0"))
    throw invalid("path", "the path of the copy");
  await driver.backup(resolve(path));
}

/** Copies the connection's database. The copy gets its name when it is complete. */
export async function copyDatabase(connect: Connect, from: Connection, target: string): Promise<void> {
  if (statIfPresent(target) !== undefined) throw pathTaken();
  const draft = `${target}.new-${randomUUID()}`;
  try {
    makeEmpty(draft);
    await (from as Connection & Copying).backup(draft, { progress: () => SLICE_PAGES });
    sync(draft);
    inspectFile(connect, draft);
    publish(draft, target);
  } catch (error) {
    throw translate(error);
  } finally {
    for (const suffix of ["", "-journal", "-wal", "-shm"]) rmSync(`${draft}${suffix}`, { force: true });
  }
  syncFolder(dirname(target));
}

function sync(path: string): void {
  const handle = openSync(path, "r+");
  try {
    fsyncSync(handle);
  } catch (error) {
    throw setupError(`the copy ${path} could not be synced to disk`, error);
  } finally {
    closeSync(handle);
  }
}

function publish(draft: string, target: string): void {
  try {
    linkSync(draft, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw pathTaken();
    throw setupError(`the copy ${target} could not be made: its file system must allow hard links`, error);
  }
}

function pathTaken() {
  return invalid("path", "where nothing is yet: a backup replaces no file");
}
