import { type CallTime, type ReadDepth, readWaitedTooLongError } from "../timing/call-time.js";
import { onAbort } from "../timing/on-abort.js";
import { TenantQueues } from "./tenant-queues.js";
import { type TimedWaiter, WaitLimit } from "./wait-limit.js";

/** As much as a tenant may have in its turn: reads go one by one, for nobody knows beforehand what one brings. */
const WEIGHT = 16 * 1024;

interface Read extends TimedWaiter {
  isGone: boolean;
  readonly start: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads that are asked one at a time, so many of them at once, and tenants in turn: nobody waits for all of another's. Of
 * several places no tenant has the last, for a long list keeps its place until it ends.
 */
export class ReadSlots {
  readonly #most: number;
  readonly #mostOfTenant: number;
  /** How many reads of a tenant are under way, of those that have any. */
  readonly #ofTenant = new Map<string, number>();
  readonly #queues = new TenantQueues<Read>();
  readonly #limit = new WaitLimit(this.#queues, (read) =>
    read.reject(readWaitedTooLongError(read.time, this.depth)),
  );
  #running = 0;

  constructor(most: number) {
    this.#most = most;
    this.#mostOfTenant = Math.max(1, most - 1);
  }

  /** How many wait for their turn, and how many have it. */
  get depth(): ReadDepth {
    return { waiting: this.#queues.size, underWay: this.#running };
  }

  /** Asks when it is the tenant's turn; rejects with the signal's reason when it aborts before, and when it has to wait too long. */
  async run<T>(
    tenant: string,
    ask: () => Promise<T>,
    signal: AbortSignal | undefined,
    time: CallTime,
  ): Promise<T> {
    if (this.#hasPlace() && this.#mayHave(tenant)) this.#begin(tenant);
    else await this.#turn(tenant, signal, time);
    try {
      return await ask();
    } finally {
      this.#end(tenant);
    }
  }

  /** Rejects whoever waits. */
  refuse(error: unknown): void {
    for (const { reject } of this.#queues.clear()) reject(error);
  }

  #turn(tenant: string, signal: AbortSignal | undefined, time: CallTime): Promise<void> {
    return new Promise((resolve, reject) => {
      const read: Read = {
        tenant,
        weight: WEIGHT,
        isGone: false,
        time,
        start() {
          release?.();
          resolve();
        },
        reject(error) {
          release?.();
          reject(error);
        },
      };
      const release =
        signal &&
        onAbort(signal, () => {
          read.isGone = true;
          read.reject(signal.reason);
        });
      this.#queues.add(read);
      this.#limit.watch();
    });
  }

  #hasPlace(): boolean {
    return this.#running < this.#most;
  }

  #mayHave(tenant: string): boolean {
    return (this.#ofTenant.get(tenant) ?? 0) < this.#mostOfTenant;
  }

  #begin(tenant: string): void {
    this.#running++;
    this.#ofTenant.set(tenant, (this.#ofTenant.get(tenant) ?? 0) + 1);
  }

  /** Its place goes to the next, and so does one that only its own tenant could not have. */
  #end(tenant: string): void {
    this.#running--;
    const left = (this.#ofTenant.get(tenant) ?? 0) - 1;
    if (left > 0) this.#ofTenant.set(tenant, left);
    else this.#ofTenant.delete(tenant);
    const next = this.#queues.take((read) => {
      if (!this.#hasPlace()) return "stop";
      if (!this.#mayHave(read.tenant)) return "hold";
      this.#begin(read.tenant);
      return "take";
    });
    for (const { start } of next) start();
  }
}
