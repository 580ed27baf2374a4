import type { CallLimit } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { inSlices, type Steps } from "../../src/timing/in-slices.js";
import { onAbort } from "../../src/timing/on-abort.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { type Connection, limitCache } from "./connection.js";
import { storeClosed, translate } from "./errors.js";

/** Lists read at the same time. Each takes a connection and prevents checkpoints from resetting the log meanwhile. */
const MAX_CONCURRENT = 2;
/** The time limit of one list, because it prevents checkpoints from resetting the log. */
const MAX_LIST_MS = 120_000;
/** Small, because a list reads each page once. */
const CACHE_KIB = 1024;

interface Waiter {
  readonly start: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads lists, or counts them, in slices if that would block the event loop at once. The transaction of a list holds its
 * snapshot, so each list has a connection of its own: other reads must see later writes.
 */
export class LongLists {
  readonly #connect: () => Connection;
  readonly #waiting: Waiter[] = [];
  readonly #open = new Set<Promise<unknown>>();
  /** The number of lists under way. */
  #running = 0;
  #closed = false;

  constructor(connect: () => Connection) {
    this.#connect = connect;
  }

  /** Takes the steps on a connection of their own, in one transaction. */
  async read<T>(
    begin: (connection: Connection) => Steps<T>,
    { deadline = Number.POSITIVE_INFINITY, signal }: CallLimit,
  ): Promise<T> {
    if (this.#running < MAX_CONCURRENT) this.#running++;
    else await this.#waitToStart(signal);
    const until = Math.min(deadline, monotonicMs() + MAX_LIST_MS);
    const list = inSlices(this.#steps(begin, { deadline: until, ...(signal && { signal }) }));
    this.#open.add(list);
    try {
      return await list;
    } catch (error) {
      throw translate(error);
    } finally {
      this.#open.delete(list);
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next.start();
    }
  }

  /** Lists under way end with their next slice. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(storeClosed());
    await Promise.allSettled(this.#open);
  }

  *#steps<T>(begin: (connection: Connection) => Steps<T>, limit: CallLimit): Steps<T> {
    this.#verify(limit);
    const connection = this.#connect();
    try {
      limitCache(connection, CACHE_KIB);
      connection.exec("BEGIN");
      const steps = begin(connection);
      try {
        for (;;) {
          const { done, value } = steps.next();
          if (done) return value;
          yield;
          this.#verify(limit);
        }
      } finally {
        // A connection with an open statement cannot be closed.
        steps.return(undefined as never);
      }
    } finally {
      connection.close();
    }
  }

  /** Throws when the store is closed, the caller does not wait any more, or the time is up. */
  #verify({ deadline = Number.POSITIVE_INFINITY, signal }: CallLimit): void {
    if (this.#closed) throw storeClosed();
    signal?.throwIfAborted();
    if (monotonicMs() < deadline) return;
    throw new StateError(
      "UNAVAILABLE",
      "the list is not complete in time: ask for parts of it, with a limit",
      {
        details: { reason: "refused" },
      },
    );
  }

  #waitToStart(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
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
          this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
          waiter.reject(signal.reason);
        });
      this.#waiting.push(waiter);
    });
  }
}
