import { monotonicMs } from "../timing/real-timers.js";

interface Left<E> {
  readonly entries: E[];
  /** On the clock of `monotonicMs`. */
  readonly until: number;
}

/** For how long entries are tried that were read earlier. */
const FRESH_MS = 250;
const MAX_LISTS = 1000;

/**
 * What a call read of a list and did not take: the next call of this process tries it before it reads again. Each entry is
 * checked by the commit that takes it, so an old one costs a read and does no harm.
 */
export class Leftovers<E> {
  readonly #byList = new Map<string, Left<E>>();

  /** The next entry that is still fresh. */
  take(list: string): E | undefined {
    const left = this.#byList.get(list);
    if (left !== undefined && monotonicMs() < left.until) return left.entries.pop();
    this.#byList.delete(list);
    return undefined;
  }

  put(list: string, entries: E[]): void {
    if (this.#byList.size >= MAX_LISTS) this.#byList.clear();
    this.#byList.set(list, { entries, until: monotonicMs() + FRESH_MS });
  }

  /** Other processes take entries too: where one was gone, so are many of the others. */
  drop(list: string): void {
    this.#byList.delete(list);
  }
}
