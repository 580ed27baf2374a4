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

/** How many bytes a tenant may take per round. A larger item makes the tenant owe the rest. */
const QUANTUM = 16 * 1024;

/** How many passed items `take` looks beyond, per tenant and in total: this bounds the time of one `take`. */
const MAX_PASSED = 1024;
const MAX_PASSED_IN_ALL = 4096;

/**
 * One first-in, first-out queue per tenant, served by surplus round robin. A tenant with a single item is served in the
 * next round, however many items the other tenants have queued, and all tenants get the same share of bytes.
 * https://en.wikipedia.org/wiki/Deficit_round_robin
 */
export class TenantQueues<W extends Waiter> {
  readonly #queues = new Map<string, TenantQueue<W>>();
  /** The same queues in round-robin order; the first is served next. */
  #ring: TenantQueue<W>[] = [];
  #size = 0;

  /** How many items are queued. Settled items count until they are removed. */
  get size(): number {
    return this.#size;
  }

  /** The tenants that have queued items or debts. */
  *tenants(): Generator<string> {
    for (const { tenant } of this.#ring) yield tenant;
  }

  add(waiter: W): void {
    let queue = this.#queues.get(waiter.tenant);
    if (queue === undefined) {
      queue = new TenantQueue(waiter.tenant);
      this.#queues.set(waiter.tenant, queue);
      this.#ring.push(queue);
    }
    queue.add(waiter);
    this.#size++;
  }

  has(tenant: string): boolean {
    return (this.#queues.get(tenant)?.size ?? 0) > 0;
  }

  /** Calls `choose` for the items in round-robin order; removes and returns those that it takes. */
  take(choose: (waiter: W) => Choice): W[] {
    const taken: W[] = [];
    const chooseAndKeep = (waiter: W) => {
      const choice = choose(waiter);
      if (choice === "take") taken.push(waiter);
      return choice;
    };
    let passed = 0;
    let round = { visits: 0, served: 0, owing: 0 };
    while (this.#ring.length > 0 && passed < MAX_PASSED_IN_ALL) {
      const queue = this.#ring[0] as TenantQueue<W>;
      const visit = queue.serve(chooseAndKeep);
      passed += visit.passed;
      round.served += visit.taken;
      if (visit.isStopped) break;
      if (queue.owes) round.owing++;
      this.#ring.push(this.#ring.shift() as TenantQueue<W>);
      if (++round.visits < this.#ring.length) continue;
      if (round.served === 0 && round.owing === 0) break;
      // Nobody was served, because of debts: skip the rounds in which tenants would only pay.
      if (round.served === 0) this.#payDebts();
      round = { visits: 0, served: 0, owing: 0 };
    }
    this.#endRound();
    return taken;
  }

  /** Removes and returns the items at the front of each queue for which `isExpired` holds. */
  shed(isExpired: (waiter: W) => boolean): W[] {
    const shed = this.#ring.flatMap((queue) => queue.shed(isExpired));
    this.#endRound();
    return shed;
  }

  /** Removes and returns all items. */
  clear(): W[] {
    return this.shed(() => true);
  }

  /** Frees the memory of settled items. */
  removeSettled(): void {
    for (const queue of this.#ring) queue.removeSettled();
    this.#endRound();
  }

  *[Symbol.iterator](): Generator<W> {
    for (const queue of this.#ring) yield* queue;
  }

  /** The first unsettled item of each queue. */
  *heads(): Generator<W> {
    for (const queue of this.#ring)
      for (const waiter of queue)
        if (!waiter.isSettled) {
          yield waiter;
          break;
        }
  }

  #payDebts(): void {
    const owing = this.#ring.filter((queue) => queue.owes);
    const least = Math.min(...owing.map(({ debt }) => debt));
    for (const queue of owing) queue.pay(least);
  }

  /** Puts passed items back, and drops empty queues. */
  #endRound(): void {
    this.#size = 0;
    for (const queue of this.#ring) this.#size += queue.endRound();
    const isEmpty = this.#size === 0;
    this.#ring = this.#ring.filter((queue) => {
      // A debt is kept while other tenants wait: otherwise a tenant could overdraw in every round.
      if (queue.size > 0 || (queue.debt > 0 && !isEmpty)) return true;
      this.#queues.delete(queue.tenant);
      return false;
    });
  }
}

class TenantQueue<W extends Waiter> {
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

  constructor(tenant: string) {
    this.tenant = tenant;
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
    if (this.#credit <= 0) this.#credit += QUANTUM;
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
