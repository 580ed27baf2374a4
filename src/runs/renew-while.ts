import { isStateError } from "../contract/errors.js";
import { onAbort } from "../timing/on-abort.js";
import { clearTimeout, setTimeout, type Timer } from "../timing/real-timers.js";

/** What is done while a lease is kept. The signal aborts when the lease is lost, with the error that says why. */
export type LeasedWork<R> = (signal: AbortSignal) => R | Promise<R>;

/** A lease that is to be kept. */
export interface KeptLease {
  readonly renew: (signal: AbortSignal) => Promise<unknown>;
  readonly leaseMs: number;
  /** In how many milliseconds the lease ends that there is. */
  readonly leftMs: number;
  /** Whether the worker itself gave up the run, and not somebody else. */
  readonly isOwnEnd: (error: unknown) => boolean;
}

/**
 * Runs the work and renews the lease whenever a third of its time is over, until the work has ended. Leaves no timer behind,
 * and none that keeps the process alive.
 */
export async function renewWhile<R>(
  lease: KeptLease,
  work: LeasedWork<R>,
  signal: AbortSignal | undefined,
): Promise<R> {
  signal?.throwIfAborted();
  const lost = new AbortController();
  const release = signal && onAbort(signal, () => lost.abort(signal.reason));
  const renewals = new Renewals(lease, (error) => lost.abort(error));
  try {
    return await work(lost.signal);
  } finally {
    release?.();
    await renewals.stop();
  }
}

class Renewals {
  readonly #lease: KeptLease;
  readonly #lose: (error: unknown) => void;
  readonly #stopped = new AbortController();
  #timer: Timer | undefined;
  #underWay: Promise<void> | undefined;

  constructor(lease: KeptLease, lose: (error: unknown) => void) {
    this.#lease = lease;
    this.#lose = lose;
    // A lease that is as long as those to come is renewed as they are, one that ends sooner at once.
    this.#schedule(Math.max(0, lease.leftMs - (lease.leaseMs * 2) / 3));
  }

  /** Resolves when no renewal is under way, and none will be. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    await this.#underWay;
  }

  #schedule(ms: number): void {
    const third = this.#lease.leaseMs / 3;
    this.#timer = setTimeout(
      () => {
        this.#underWay = this.#renew();
      },
      Math.ceil(Math.min(ms, third)),
    );
    this.#timer.unref();
  }

  /** Never rejects. */
  async #renew(): Promise<void> {
    const { signal } = this.#stopped;
    try {
      await this.#lease.renew(signal);
    } catch (error) {
      if (signal.aborted || this.#lease.isOwnEnd(error)) return;
      // While the store is out of reach the lease holds, unless another worker takes over: the next renewal tells.
      if (!isStateError(error, "UNAVAILABLE") && !isStateError(error, "OUTCOME_UNKNOWN")) {
        this.#lose(error);
        return;
      }
    }
    if (!signal.aborted) this.#schedule(this.#lease.leaseMs / 3);
  }
}
