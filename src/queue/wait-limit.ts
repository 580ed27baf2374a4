import type { CallTime } from "../timing/call-time.js";
import { monotonicMs, setTimeout, type Timer } from "../timing/real-timers.js";
import type { Waiter } from "./tenant-queue.js";
import type { TenantQueues } from "./tenant-queues.js";

export interface TimedWaiter extends Waiter {
  readonly time: CallTime;
}

/** A timer that fires so much late shows that the event loop was held up, in milliseconds. */
const LATE_MS = 200;

/**
 * Removes and rejects the items that have waited too long: nothing of their tenant was answered for as long as a call may wait,
 * or `queueTimeoutMs` is over. Each tenant's queue is first in, first out, so its front expires first.
 */
export class WaitLimit<W extends TimedWaiter> {
  readonly #queues: TenantQueues<W>;
  readonly #reject: (waiter: W) => void;
  /** When the driver last answered something of a tenant. */
  readonly #answeredAt = new Map<string, number>();
  #timer: Timer | undefined;

  constructor(queues: TenantQueues<W>, reject: (waiter: W) => void) {
    this.#queues = queues;
    this.#reject = reject;
  }

  /** Call it after an item was added. */
  watch(): void {
    if (this.#queues.size === 0) this.#answeredAt.clear();
    if (this.#timer !== undefined || this.#queues.size === 0) return;
    let first = Number.POSITIVE_INFINITY;
    for (const { time } of this.#queues.heads()) first = Math.min(first, time.waitsUntil);
    if (first === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#expireUnlessLate(first), Math.max(1, first - monotonicMs()));
    this.#timer.unref();
  }

  /** The driver has answered something of this tenant. */
  noteAnswer(tenant: string): void {
    if (this.#queues.has(tenant)) this.#answeredAt.set(tenant, monotonicMs());
    else this.#answeredAt.delete(tenant);
  }

  /** Call it before an item is sent: if it has waited long behind others of its tenant, the driver has more time for it. */
  sending({ tenant, time }: W): void {
    if (time.isHalfOver()) this.#moveOn({ tenant, time });
  }

  #moveOn({ tenant, time }: Pick<W, "tenant" | "time">): void {
    const answeredAt = this.#answeredAt.get(tenant);
    if (answeredAt !== undefined) time.moveOn(answeredAt);
  }

  /** If the event loop was held up, answers have come meanwhile, and are read first. */
  #expireUnlessLate(due: number): void {
    if (monotonicMs() - due < LATE_MS) this.#expire();
    else {
      this.#timer = setTimeout(() => this.#expire(), LATE_MS);
      this.#timer.unref();
    }
  }

  #expire(): void {
    this.#timer = undefined;
    const now = monotonicMs();
    // All of them, so that whoever came later does not expire earlier.
    for (const waiter of this.#queues) this.#moveOn(waiter);
    for (const waiter of this.#queues.shed(({ time }) => time.waitsUntil <= now)) this.#reject(waiter);
    this.watch();
  }
}
