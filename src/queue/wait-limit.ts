import type { CallTime } from "../timing/call-time.js";
import { monotonicMs, setTimeout, type Timer } from "../timing/real-timers.js";
import type { TenantQueues, Waiter } from "./tenant-queues.js";

export interface TimedWaiter extends Waiter {
  readonly time: CallTime;
}

/** Takes those out of their line who have waited as long as they may. Within each, who came first leaves first. */
export class WaitLimit<W extends TimedWaiter> {
  readonly #line: TenantQueues<W>;
  readonly #refuse: (waiter: W) => void;
  #timer: Timer | undefined;

  constructor(line: TenantQueues<W>, refuse: (waiter: W) => void) {
    this.#line = line;
    this.#refuse = refuse;
  }

  /** To be called when somebody has joined the line. */
  watch(): void {
    if (this.#timer !== undefined) return;
    let first = Number.POSITIVE_INFINITY;
    for (const { time } of this.#line.heads()) first = Math.min(first, time.waitsUntil);
    if (first === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, first - monotonicMs()));
    this.#timer.unref();
  }

  #expire(): void {
    this.#timer = undefined;
    const now = monotonicMs();
    for (const waiter of this.#line.shed(({ time }) => time.waitsUntil <= now)) this.#refuse(waiter);
    this.watch();
  }
}
