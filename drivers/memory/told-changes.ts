import type { ChangeFeed, ChangeListener, Commit, Outcome, Slot } from "../../src/contract/driver.js";
import { slotOf } from "../../src/rules/decide.js";
import { sessionKey } from "../../src/rules/slot-key.js";

/** Tells of every change as it is made. Nothing else writes to a store in memory, so nobody needs to ask. */
export class ToldChanges implements ChangeFeed {
  readonly #listeners = new Set<ChangeListener>();

  groupOf(slot: Slot): string {
    return sessionKey(slot);
  }

  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    listener.live(Number.POSITIVE_INFINITY);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Tells of the commits that were applied. */
  tell(commits: readonly Commit[], outcomes: readonly Outcome[]): void {
    if (this.#listeners.size === 0) return;
    const applied = commits.filter((_, index) => outcomes[index]?.is === "applied");
    const writes = applied.flatMap((commit) => commit.writes).filter(({ op }) => op !== "check");
    const groups = [...new Set(writes.map((write) => this.groupOf(slotOf(write))))];
    if (groups.length > 0) for (const listener of this.#listeners) listener.changed(groups);
  }
}
