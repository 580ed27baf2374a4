import { compareText } from "../rules/order.js";

/** Where an entry lies. */
export interface Located {
  /** Its time key. Unique in a tenant. */
  readonly time: string;
  readonly id: string;
  /** `undefined` after the user was forgotten. */
  readonly user: string | undefined;
}

/** The earliest of any number of entries, in memory for a bounded number. */
export class Earliest {
  readonly #most: number;
  #found: Located[] = [];
  /** All that are wanted are before this time key. `undefined` while there is room. */
  bound: string | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** Adds an entry. Returns whether one behind it may be wanted too. */
  add(located: Located): boolean {
    if (this.bound !== undefined && located.time >= this.bound) return false;
    if (this.#found.push(located) >= 2 * this.#most) this.#cut();
    return true;
  }

  /** The earliest in the order of time, each once. An entry that is being moved can be found at both places. */
  sorted(): readonly Located[] {
    this.#cut();
    return this.#found;
  }

  #cut(): void {
    const sorted = this.#found.sort((a, b) => compareText(a.time, b.time));
    const each = sorted.filter(({ time }, index) => time !== sorted[index - 1]?.time);
    this.#found = each.slice(0, this.#most);
    // What is as late as the last is not wanted, for the last has its place.
    if (each.length >= this.#most) this.bound = this.#found.at(-1)?.time;
  }
}
