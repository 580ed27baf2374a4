import { monotonicMs } from "../../src/timing/real-timers.js";

/** What is known of each host of a database, by its index. All pools of a driver share it. */
export class Hosts {
  /** When each host was last found not to be a usable primary; 0 when it is the primary, or nothing is known. */
  readonly #missedAt: number[];
  /** When each host last gave no answer; 0 after an answer. Silent hosts are tried last, because waiting costs time. */
  readonly #silentAt: number[];
  /** When each host last answered. */
  readonly #heardAt: number[];

  constructor(count: number) {
    this.#missedAt = new Array(count).fill(0);
    this.#silentAt = new Array(count).fill(0);
    this.#heardAt = new Array(count).fill(0);
  }

  /** The most promising host first: the last known primary, then the hosts that failed the longest time ago. */
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

  /** The host refused the connection, or is a standby. */
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
