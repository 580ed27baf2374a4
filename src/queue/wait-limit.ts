import type { CallTime } from "../timing/call-time.js";
import { monotonicMs, setTimeout, type Timer } from "../timing/real-timers.js";
import type { Waiter } from "./tenant-queue.js";
import type { TenantQueues } from "./tenant-queues.js";

export interface TimedWaiter extends Waiter {
  readonly time: CallTime;
}

/** Removes and rejects the items that have waited too long. Each tenant's queue is first in, first out, so its front expires first. */
export class WaitLimit<W extends TimedWaiter> {
  readonly #queues: TenantQueues<W>;
  readonly #reject: (waiter: W) => void;
  #timer: Timer | undefined;

  constructor(queues: TenantQueues<W>, reject: (waiter: W) => void) {
    this.#queues = queues;
    this.#reject = reject;
  }

  /** Call it after an item was added. */
  watch(): void {
    if (this.#timer !== undefined || this.#queues.size === 0) return;
    let first = Number.POSITIVE_INFINITY;
    for (const { time } of this.#queues.heads()) first = Math.min(first, time.waitsUntil);
    if (first === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, first - monotonicMs()));
    this.#timer.unref();
  }

  #expire(): void {
    this.#timer = undefined;
    const now = monotonicMs();
    for (const waiter of this.#queues.shed(({ time }) => time.waitsUntil <= now)) this.#reject(waiter);
    this.watch();
  }
}
