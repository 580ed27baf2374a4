import { invalid, StateError } from "../../src/contract/errors.js";
import type { CallOptions, StateStore } from "../../src/contract/store.js";
import { processState } from "../../src/process/process-state.js";
import { readOptions, readSignal } from "../../src/validation/validate.js";
import type { Connection } from "./connection.js";

/** A driver that can make its file smaller. */
export interface CompactCapable {
  compact(signal: AbortSignal | undefined): Promise<void>;
}

/** What came of one piece. */
export interface Compacted {
  /** There are unused pages left. */
  readonly more: boolean;
}

/** Pages that one piece gives back: 1 MiB of 4 KiB each, in a few milliseconds. */
const PIECE = 256;
/** `auto_vacuum`, as SQLite numbers it. */
const INCREMENTAL = 2;

/**
 * Gives the unused pages of a store's SQLite file back to the file system, and empties its log. Call it after a retention or a
 * large erase. It works in pieces of 1 MiB, between which other writes get their turns; after an interruption, call it again.
 *
 * A file that versions before 0.5 made is rewritten whole the first time, in one step: other writes wait for that, and a second
 * copy has to fit on the disk. INVALID_RECORD for a store that is not on SQLite. UNAVAILABLE (`busy`) if another connection reads
 * from the log all the time.
 *
 * @example
 * ```ts
 * import { compact } from "groundstate/drivers/sqlite";
 *
 * await compact(store);
 * ```
 */
export async function compact(store: StateStore, options?: CallOptions): Promise<void> {
  const driver = processState.bareDrivers.get(store) as Partial<CompactCapable> | undefined;
  if (typeof driver?.compact !== "function") throw invalid("store", "a store that is open on SQLite");
  const signal = readSignal({ ...readOptions(options, ["signal"]) });
  signal?.throwIfAborted();
  await driver.compact(signal);
}

/** One piece. */
export function giveBackPages(connection: Connection): Compacted {
  const number = (pragma: string) => Number(connection.pragma(pragma, { simple: true }));
  if (number("auto_vacuum") !== INCREMENTAL) {
    connection.exec("PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
    return { more: false };
  }
  connection.exec(`PRAGMA incremental_vacuum(${PIECE})`);
  return { more: number("freelist_count") > 0 };
}

/** Copies the log into the database and cuts it to nothing. UNAVAILABLE `busy`. */
export function truncateLog(connection: Connection): void {
  const isBusy = connection.pragma("wal_checkpoint(TRUNCATE)", { simple: true });
  if (isBusy !== 0)
    throw new StateError("UNAVAILABLE", "another connection needs the log of the database", {
      details: { reason: "busy" },
    });
}
