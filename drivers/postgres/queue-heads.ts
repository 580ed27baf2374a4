import { monotonicMs } from "../../src/timing/real-timers.js";

/** How long the remembered head of an expiry queue is used: a long transaction may commit rows before it later. */
const QUEUE_HEAD_MS = 600_000;

/** A time before every event's. */
const QUEUE_START = "-9223372036854775808";

/** Tenants whose head is remembered. What is forgotten costs one scan of the rows that the server still keeps. */
const MAX_QUEUES = 1000;

interface Head {
  time: string;
  readonly until: number;
}

/** Where the queues begin in which event ids wait to be forgotten: one of all tenants, or one of each. */
export class QueueHeads {
  readonly #heads = new Map<string, Head>();

  /** The time at the head of the queue. */
  of(queue: string): string {
    const head = this.#heads.get(queue);
    return head !== undefined && monotonicMs() < head.until ? head.time : QUEUE_START;
  }

  set(queue: string, time: string): void {
    const now = monotonicMs();
    const head = this.#heads.get(queue);
    if (head !== undefined && now < head.until) {
      head.time = time;
      return;
    }
    this.#heads.delete(queue);
    const [oldest] = this.#heads.keys();
    if (this.#heads.size >= MAX_QUEUES && oldest !== undefined) this.#heads.delete(oldest);
    this.#heads.set(queue, { time, until: now + QUEUE_HEAD_MS });
  }
}
