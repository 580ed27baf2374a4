/** An item of a queue. */
export interface Waiter {
  readonly tenant: string;
  /** The cost of serving it, in bytes. */
  readonly weight: number;
  /** Its caller has had an answer: skip it. */
  readonly isSettled: boolean;
}

/** What `take` does with an item. */
export type Choice =
  /** Remove it from the queue and return it. */
  | "take"
  /** Leave it in the queue, and go on with the item behind it. */
  | "pass"
  /** Leave it and everything behind it in its tenant's queue; go on with the other tenants. */
  | "hold"
  /** Leave it and everything else: this `take` ends. */
  | "stop";

/** How many passed items `serve` looks beyond. */
const MAX_PASSED = 1024;

/** The items of one tenant, first in, first out, with what the tenant may take in this round or owes. */
export class TenantQueue<W extends Waiter> {
  readonly tenant: string;
  /** The items from `#head` on, oldest first. */
  #waiting: W[] = [];
  #head = 0;
  /** The next item to look at in this `take`, and the items that it has passed. */
  #next = 0;
  #passed: W[] = [];
  #isHeld = false;
  /** How many bytes the tenant may still take in this round; negative: its debt. */
  #credit = 0;
  readonly #quantum: number;

  /** `quantum`: how many bytes the tenant may take per round. */
  constructor(tenant: string, quantum: number) {
    this.tenant = tenant;
    this.#quantum = quantum;
  }

  get size(): number {
    return this.#waiting.length - this.#head;
  }

  get debt(): number {
    return Math.max(0, -this.#credit);
  }

  /** The tenant has more items to look at, but has to pay its debt first. */
  get owes(): boolean {
    return this.#credit <= 0 && this.#isOpen;
  }

  get #isOpen(): boolean {
    return !this.#isHeld && this.#next < this.#waiting.length && this.#passed.length < MAX_PASSED;
  }

  add(waiter: W): void {
    this.#waiting.push(waiter);
  }

  pay(bytes: number): void {
    this.#credit += bytes;
  }

  /** Serves this tenant for one round. */
  serve(choose: (waiter: W) => Choice): { taken: number; passed: number; isStopped: boolean } {
    const visit = { taken: 0, passed: 0, isStopped: false };
    if (this.#credit <= 0) this.#credit += this.#quantum;
    while (this.#credit > 0 && this.#isOpen) {
      const waiter = this.#waiting[this.#next] as W;
      if (!waiter.isSettled) {
        const choice = choose(waiter);
        visit.isStopped = choice === "stop";
        this.#isHeld = choice === "hold";
        if (visit.isStopped || this.#isHeld) return visit;
        visit[choice === "take" ? "taken" : "passed"]++;
        if (choice === "take") this.#credit -= waiter.weight;
        else this.#passed.push(waiter);
      }
      this.#next++;
    }
    // Unused credit is lost, so that an idle tenant cannot save up for a burst.
    if (this.#credit > 0) this.#credit = 0;
    return visit;
  }

  /** Removes the items that `serve` has looked at, except for those it passed. Returns the size that is left. */
  endRound(): number {
    if (this.#next > this.#head) {
      const passed = this.#passed;
      this.#head = this.#next - passed.length;
      for (const [index, waiter] of passed.entries()) this.#waiting[this.#head + index] = waiter;
      this.#shrink();
    }
    this.#passed = [];
    this.#isHeld = false;
    this.#next = this.#head;
    return this.size;
  }

  /** Removes the expired items at the front and returns them; settled items there are dropped. */
  shed(isExpired: (waiter: W) => boolean): W[] {
    const shed: W[] = [];
    for (; this.#head < this.#waiting.length; this.#head++) {
      const waiter = this.#waiting[this.#head] as W;
      if (waiter.isSettled) continue;
      if (!isExpired(waiter)) break;
      shed.push(waiter);
    }
    this.#shrink();
    this.#next = this.#head;
    return shed;
  }

  removeSettled(): void {
    this.#waiting = this.#waiting.slice(this.#head).filter((waiter) => !waiter.isSettled);
    this.#head = 0;
    this.#next = 0;
  }

  *[Symbol.iterator](): Generator<W> {
    for (let index = this.#head; index < this.#waiting.length; index++) yield this.#waiting[index] as W;
  }

  #shrink(): void {
    if (this.#head * 2 < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
  }
}
