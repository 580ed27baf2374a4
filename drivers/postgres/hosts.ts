import { monotonicMs } from "../../src/timing/real-timers.js";

/** What is remembered of each host of a database, by its place in the list. Shared by all who connect to them. */
export class Hosts {
  /** Since when each is not the server that is looked for: 0 when it is, or nothing is known. */
  readonly #missedAt: number[];
  /** Since when each has let a question go without an answer; it is looked for last, for that costs time. */
  readonly #silentAt: number[];
  /** When each last answered anything at all. */
  readonly #heardAt: number[];

  constructor(count: number) {
    this.#missedAt = new Array(count).fill(0);
    this.#silentAt = new Array(count).fill(0);
    this.#heardAt = new Array(count).fill(0);
  }

  /** The most promising first: the one that was right last, and of the others the one that has failed longest ago. */
  inOrder(): readonly number[] {
    const indexes = [...this.#missedAt.keys()];
    return indexes.sort(
      (a, b) => this.#silent(a) - this.#silent(b) || this.#missed(a) - this.#missed(b) || a - b,
    );
  }

  markPrimary(host: number): void {
    this.#missedAt[host] = 0;
    this.markHeard(host);
  }

  /** It refused, or is a standby. */
  markNotPrimary(host: number): void {
    this.#missedAt[host] = monotonicMs();
  }

  markSilent(host: number): void {
    this.#silentAt[host] = monotonicMs();
  }

  markHeard(host: number): void {
    this.#silentAt[host] = 0;
    this.#heardAt[host] = monotonicMs();
  }

  heardAt(host: number): number {
    return this.#heardAt[host] ?? 0;
  }

  #missed(host: number): number {
    return this.#missedAt[host] ?? 0;
  }

  #silent(host: number): number {
    return this.#silentAt[host] ?? 0;
  }
}
