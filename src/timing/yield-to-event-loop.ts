import { monotonicMs, nextTurn, setImmediate } from "./real-timers.js";

/** How long reads may block the event loop, in milliseconds. Short, since a commit needs several turns of the loop. */
const MAX_BUSY_MS = 2;

/**
 * Yields to the event loop between reads. Reads of memory and SQLite are synchronous, and their promises resolve at once. A
 * caller that awaits one after another, such as a scan in pages, would starve timers, sockets and commits.
 */
export class EventLoopYield {
  readonly #elapsed: () => number;
  #busySince: number | undefined;

  /** `elapsed`: a monotonic clock, in milliseconds. */
  constructor(elapsed: () => number = monotonicMs) {
    this.#elapsed = elapsed;
  }

  /** A promise to await before the next read, if reads have blocked the event loop for too long. */
  pause(): Promise<void> | undefined {
    const now = this.#elapsed();
    if (this.#busySince === undefined) {
      this.#busySince = now;
      setImmediate(() => {
        this.#busySince = undefined;
      });
    }
    return now - this.#busySince < MAX_BUSY_MS ? undefined : nextTurn();
  }
}
