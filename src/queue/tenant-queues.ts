import { type Choice, TenantQueue, type Waiter } from "./tenant-queue.js";

/** How many passed items one `take` looks beyond, of all tenants together: with the bound per tenant, it bounds its time. */
const MAX_PASSED_IN_ALL = 4096;

/** How tenants take turns. */
export interface Turns {
  /** How many bytes a tenant may take per round. A larger item makes the tenant owe the rest. Default 16 KiB. */
  readonly quantum?: number;
  /**
   * A `take` is of one tenant, and the next begins with the tenant behind it. The quantum should be as much as one `take` can
   * be, so that tenants take turns by whole takes, and sit them out for items that are larger. Default false.
   */
  readonly oneTenant?: boolean;
}

const QUANTUM = 16 * 1024;

/**
 * One first-in, first-out queue per tenant, served by surplus round robin. A tenant with a single item is served in the
 * next round, however many items the other tenants have queued, and all tenants get the same share of bytes.
 * https://en.wikipedia.org/wiki/Deficit_round_robin
 */
export class TenantQueues<W extends Waiter> {
  /** The item of a queue that holds only one: it needs no rounds. */
  #single: W | undefined;
  readonly #queues = new Map<string, TenantQueue<W>>();
  /** The same queues in round-robin order; the first is served next. */
  #ring: TenantQueue<W>[] = [];
  #size = 0;
  readonly #quantum: number;
  readonly #oneTenant: boolean;

  constructor({ quantum = QUANTUM, oneTenant = false }: Turns = {}) {
    this.#quantum = quantum;
    this.#oneTenant = oneTenant;
  }

  /** How many items are queued. Settled items count until they are removed. */
  get size(): number {
    return this.#size;
  }

  /** The tenants that have queued items or debts. */
  *tenants(): Generator<string> {
    if (this.#single !== undefined) yield this.#single.tenant;
    for (const { tenant } of this.#ring) yield tenant;
  }

  add(waiter: W): void {
    if (this.#size === 0 && this.#ring.length === 0) {
      this.#single = waiter;
      this.#size = 1;
      return;
    }
    this.#queueSingle();
    this.#enqueue(waiter);
    this.#size++;
  }

  has(tenant: string): boolean {
    if (this.#single !== undefined) return this.#single.tenant === tenant;
    return (this.#queues.get(tenant)?.size ?? 0) > 0;
  }

  /** Calls `choose` for the items in round-robin order; removes and returns those that it takes. */
  take(choose: (waiter: W) => Choice): W[] {
    if (this.#single !== undefined) return this.#takeSingle(this.#single, choose);
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
      if (visit.isStopped && !this.#oneTenant) break;
      if (queue.owes) round.owing++;
      this.#ring.push(this.#ring.shift() as TenantQueue<W>);
      if (this.#oneTenant && (visit.isStopped || visit.taken > 0)) break;
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
    this.#queueSingle();
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
    this.#queueSingle();
    for (const queue of this.#ring) queue.removeSettled();
    this.#endRound();
  }

  *[Symbol.iterator](): Generator<W> {
    if (this.#single !== undefined) yield this.#single;
    for (const queue of this.#ring) yield* queue;
  }

  /** The first unsettled item of each queue. */
  *heads(): Generator<W> {
    if (this.#single !== undefined && !this.#single.isSettled) yield this.#single;
    for (const queue of this.#ring)
      for (const waiter of queue)
        if (!waiter.isSettled) {
          yield waiter;
          break;
        }
  }

  #enqueue(waiter: W): void {
    let queue = this.#queues.get(waiter.tenant);
    if (queue === undefined) {
      queue = new TenantQueue(waiter.tenant, this.#quantum);
      this.#queues.set(waiter.tenant, queue);
      this.#ring.push(queue);
    }
    queue.add(waiter);
  }

  #queueSingle(): void {
    if (this.#single === undefined) return;
    this.#enqueue(this.#single);
    this.#single = undefined;
  }

  /** As a round would: a debt is forgotten once nothing waits. */
  #takeSingle(single: W, choose: (waiter: W) => Choice): W[] {
    const isTaken = !single.isSettled && choose(single) === "take";
    if (!isTaken && !single.isSettled) return [];
    this.#single = undefined;
    this.#size = 0;
    return isTaken ? [single] : [];
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
