import type { Commit, Outcome, Slot } from "./driver.js";

/** What an erase is about: all runs and kinds of it. */
export type Session = Pick<Slot, "tenant" | "user" | "session">;

/** An erase, which waits for its turn as commits do. */
export interface EraseCommit {
  readonly tenant: string;
  readonly writes: readonly [{ readonly op: "erase"; readonly session: Session }];
}

/** What the queue lines up. */
export type QueuedCommit = Commit | EraseCommit;

/** What became of it; of an erase, how many records it removed. */
export type QueuedOutcome = Outcome | { readonly is: "erased"; readonly records: number };

export function isErase(commit: QueuedCommit): commit is EraseCommit {
  return commit.writes[0]?.op === "erase";
}
