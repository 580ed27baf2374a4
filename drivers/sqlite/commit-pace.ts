/** Up to this average, commits in the caller's thread hardly delay its event loop, in milliseconds. */
const QUICK_MS = 0.8;
/** How much of the average the last commit is. */
const SHARE = 0.05;
/** A commit counts with at most so many milliseconds: one pause of the disk says little. */
const MAX_COUNTED_MS = 5;
/** Where the average starts: a slow disk is noticed after one or two commits. */
const UNSURE_MS = 0.65;

/** Commits that the other thread makes before one is tried in this one again. */
const MIN_REST = 64;
const MAX_REST = 4096;
/** The same after the lock was held by another connection. */
const LOCKED_REST = 16;

/** Decides where commits are made that come alone: in the caller's thread as long as that is quick. */
export class CommitPace {
  #averageMs = UNSURE_MS;
  #rest = 0;
  #nextRest = MIN_REST;

  /** Whether the next commit is to be made in the caller's thread. */
  next(): boolean {
    if (this.#rest === 0) return true;
    this.#rest--;
    return false;
  }

  /** Takes note of a commit in the caller's thread. */
  took(ms: number): void {
    this.#averageMs += (Math.min(ms, MAX_COUNTED_MS) - this.#averageMs) * SHARE;
    if (this.#averageMs <= QUICK_MS) {
      if (this.#averageMs < QUICK_MS / 2) this.#nextRest = MIN_REST;
      return;
    }
    this.#rest = this.#nextRest;
    // While a disk stays slow it is tried ever less often.
    this.#nextRest = Math.min(this.#nextRest * 2, MAX_REST);
    this.#averageMs = UNSURE_MS;
  }

  /** Takes note that another connection held the lock. */
  wasLocked(): void {
    this.#rest = Math.max(this.#rest, LOCKED_REST);
  }
}
