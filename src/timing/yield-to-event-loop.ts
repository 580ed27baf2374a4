import { monotonicMs, nextTurn, setImmediate } from "./real-timers.js";

/** How long reads may keep the event loop to themselves: a commit needs several turns of it to get through. */
const LONGEST_MS = 2;

/**
 * Lets the event loop go round between reads. In memory and in SQLite they are synchronous and their promises resolve at
 * once, so a caller that awaits one after another, as a scan in pages does, would never let a timer, a socket or a commit
 * have its turn.
 */
export class EventLoopYield {
  #began: number | undefined;

  /** Something to wait for first, if it is another's turn. */
  pause(): Promise<void> | undefined {
    const now = monotonicMs();
    if (this.#began === undefined) {
      this.#began = now;
      setImmediate(() => {
        this.#began = undefined;
      });
    }
    return now - this.#began < LONGEST_MS ? undefined : nextTurn();
  }
}
