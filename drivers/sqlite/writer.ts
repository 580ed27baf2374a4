import type { ApplyOptions, Commit, EraseTarget, Outcome, Swept } from "../../src/contract/driver.js";

import type { Compacted } from "./compact.js";

/** A value from this thread, or a promise of one from another. */
export type Eventually<T> = T | Promise<T>;

/** Writes to a database, in this thread or another. UNAVAILABLE `busy` when it is locked: the caller may retry. */
export interface Writer {
  apply(commits: readonly Commit[], options: ApplyOptions): Eventually<readonly Outcome[]>;
  sweep(target: EraseTarget): Eventually<Swept>;
  backup(target: string): Promise<void>;
  giveBack(): Eventually<Compacted>;
  emptyLog(): Eventually<void>;
  close(): Eventually<void>;
}
