import { type CallTime, type ReadDepth, readWaitedTooLongError } from "../timing/call-time.js";
import { onAbort } from "../timing/on-abort.js";
import { TenantQueues } from "./tenant-queues.js";
import { type TimedWaiter, WaitLimit } from "./wait-limit.js";

/** A tenant's whole share of a round: the size of a result is unknown beforehand, so reads of tenants simply alternate. */
const READ_WEIGHT = 16 * 1024;

interface Read extends TimedWaiter {
  isSettled: boolean;
  readonly start: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A semaphore for reads, fair between tenants: waiting reads get free slots in round robin. A long list keeps its slot until
 * it ends, so no tenant may fill the last slot.
 */
export class ReadSlots {
  readonly #maxRunning: number;
  readonly #maxPerTenant: number;
  /** How many reads of each tenant hold a slot; tenants without any are not in it. */
  readonly #runningByTenant = new Map<string, number>();
  readonly #queues = new TenantQueues<Read>();
  readonly #limit = new WaitLimit(this.#queues, (read) =>
    read.reject(readWaitedTooLongError(read.time, this.depth)),
  );
  #running = 0;

  constructor(maxRunning: number) {
    this.#maxRunning = maxRunning;
    this.#maxPerTenant = Math.max(1, maxRunning - 1);
  }

  /** How many reads wait for a slot, and how many hold one. */
  get depth(): ReadDepth {
    return { waiting: this.#queues.size, underWay: this.#running };
  }

  /** Calls `ask` while holding a slot. Rejects with the signal's reason if it aborts while waiting; UNAVAILABLE, `busy`, after too long a wait. */
  async run<T>(
    tenant: string,
    ask: () => Promise<T>,
    signal: AbortSignal | undefined,
    time: CallTime,
  ): Promise<T> {
    if (this.#hasFreeSlot() && this.#tenantMayStart(tenant)) this.#occupySlot(tenant);
    else await this.#waitForSlot(tenant, signal, time);
    try {
      const answer = await ask();
      this.#limit.noteAnswer(tenant);
      return answer;
    } finally {
      this.#releaseSlot(tenant);
    }
  }

  /** Rejects every waiting read. */
  rejectWaiting(error: unknown): void {
    for (const { reject } of this.#queues.clear()) reject(error);
  }

  #waitForSlot(tenant: string, signal: AbortSignal | undefined, time: CallTime): Promise<void> {
    return new Promise((resolve, reject) => {
      const read: Read = {
        tenant,
        weight: READ_WEIGHT,
        isSettled: false,
        time,
        start() {
          removeAbortListener?.();
          resolve();
        },
        reject(error) {
          removeAbortListener?.();
          reject(error);
        },
      };
      const removeAbortListener =
        signal &&
        onAbort(signal, () => {
          read.isSettled = true;
          read.reject(signal.reason);
        });
      this.#queues.add(read);
      this.#limit.watch();
    });
  }

  #hasFreeSlot(): boolean {
    return this.#running < this.#maxRunning;
  }

  #tenantMayStart(tenant: string): boolean {
    return (this.#runningByTenant.get(tenant) ?? 0) < this.#maxPerTenant;
  }

  #occupySlot(tenant: string): void {
    this.#running++;
    this.#runningByTenant.set(tenant, (this.#runningByTenant.get(tenant) ?? 0) + 1);
  }

  /** Starts every waiting read that may start now: one for this slot, and maybe one that only the tenant's limit held up. */
  #releaseSlot(tenant: string): void {
    this.#running--;
    const left = (this.#runningByTenant.get(tenant) ?? 0) - 1;
    if (left > 0) this.#runningByTenant.set(tenant, left);
    else this.#runningByTenant.delete(tenant);
    const next = this.#queues.take((read) => {
      if (!this.#hasFreeSlot()) return "stop";
      if (!this.#tenantMayStart(read.tenant)) return "hold";
      this.#occupySlot(read.tenant);
      return "take";
    });
    for (const { start } of next) start();
  }
}
