import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../../src/timing/real-timers.js";
import type { Connection } from "./connection.js";

interface Waiter {
  /** Until when it waits for a server that cannot be reached. */
  readonly serverWaitUntil: number;
  readonly timer: Timer;
  readonly resolve: (connection: Connection) => void;
  readonly reject: (error: unknown) => void;
}

/** The calls that wait for a connection, in order of arrival. */
export class ConnectionQueue {
  readonly #waiters: Waiter[] = [];

  get count(): number {
    return this.#waiters.length;
  }

  /** Resolves with a connection; rejects with `late` at the deadline, a time of `monotonicMs`. */
  add(deadline: number, serverWaitUntil: number, late: () => unknown): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const giveUp = () => this.#leave(waiter).reject(late());
      const timer = setTimeout(giveUp, Math.max(1, deadline - monotonicMs()));
      const waiter: Waiter = { serverWaitUntil, timer, resolve, reject };
      this.#waiters.push(waiter);
    });
  }

  /** Gives the connection to the first waiting call. Returns whether there was one. */
  serve(connection: Connection): boolean {
    const [waiter] = this.#waiters;
    if (waiter !== undefined) this.#leave(waiter).resolve(connection);
    return waiter !== undefined;
  }

  /** Rejects the calls that wait for a server until `until` or a shorter time. Default: all calls. */
  reject(error: unknown, until = Number.POSITIVE_INFINITY): void {
    for (const waiter of [...this.#waiters])
      if (waiter.serverWaitUntil <= until) this.#leave(waiter).reject(error);
  }

  #leave(waiter: Waiter): Waiter {
    this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
    clearTimeout(waiter.timer);
    return waiter;
  }
}
