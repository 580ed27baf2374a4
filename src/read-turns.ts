import { type CallTime, type ReadDepth, waitedToRead } from "./call-time.js";
import { TenantLines } from "./tenant-lines.js";
import { type TimedWaiter, WaitLimit } from "./wait-limit.js";
import { whenAborted } from "./when-aborted.js";

/** As much as a tenant may have in its turn: reads go one by one, for nobody knows beforehand what one brings. */
const WEIGHT = 16 * 1024;

interface Read extends TimedWaiter {
  isGone: boolean;
  readonly start: () => void;
  readonly reject: (error: unknown) => void;
}

/** Reads that are asked one at a time, so many of them at once, and tenants in turn: nobody waits for all of another's. */
export class ReadTurns {
  readonly #most: number;
  readonly #lines = new TenantLines<Read>();
  readonly #limit = new WaitLimit(this.#lines, (read) => read.reject(waitedToRead(read.time, this.depth)));
  #running = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** How many wait for their turn, and how many have it. */
  get depth(): ReadDepth {
    return { waiting: this.#lines.size, underWay: this.#running };
  }

  /** Asks when it is the tenant's turn; rejects with the signal's reason when it aborts before, and when it has to wait too long. */
  async run<T>(
    tenant: string,
    ask: () => Promise<T>,
    signal: AbortSignal | undefined,
    time: CallTime,
  ): Promise<T> {
    if (this.#running < this.#most) this.#running++;
    else await this.#turn(tenant, signal, time);
    try {
      return await ask();
    } finally {
      this.#next();
    }
  }

  /** Rejects whoever waits. */
  refuse(error: unknown): void {
    for (const { reject } of this.#lines.clear()) reject(error);
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
        whenAborted(signal, () => {
          read.isGone = true;
          read.reject(signal.reason);
        });
      this.#lines.add(read);
      this.#limit.watch();
    });
  }

  /** Its place goes to the next. */
  #next(): void {
    let isTaken = false;
    const [next] = this.#lines.take(() => {
      if (isTaken) return "stop";
      isTaken = true;
      return "take";
    });
    if (next === undefined) this.#running--;
    else next.start();
  }
}
