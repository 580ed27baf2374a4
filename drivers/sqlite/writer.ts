import type { ApplyOptions, Commit, Outcome, Session, Swept } from "../../src/contract/driver.js";

/** What answers at once in this thread, and later from another. */
export type Eventually<T> = T | Promise<T>;

/** What writes, in this thread or another. UNAVAILABLE `busy` when a lock is in its way: asked again, it tries again. */
export interface Writer {
  apply(commits: readonly Commit[], options: ApplyOptions): Eventually<readonly Outcome[]>;
  sweep(session: Session): Eventually<Swept>;
  backup(target: string): Promise<void>;
  close(): Eventually<void>;
}
