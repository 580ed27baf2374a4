import { monotonicMs } from "../timing/real-timers.js";
import { DamageLog } from "../typed/damage.js";

/** For how long new work comes first after no lease had passed. */
const QUIET_MS = 250;
const MAX_QUIET = 1000;

/** The order in which a queue gives out what workers have left and what is new. */
export class LeasesFirst {
  /** Until when no lease that has passed is looked for first, by queue. */
  readonly #quietUntil = new Map<string, number>();

  /**
   * Leases that have passed first, unless there were none just now. Both have been looked for before the answer is that there
   * is nothing, or that what is left is damaged.
   */
  async take<R>(
    queue: string,
    takeOver: () => Promise<R | undefined>,
    takeNew: () => Promise<R | undefined>,
  ): Promise<R | undefined> {
    const damage = new DamageLog();
    const isQuiet = monotonicMs() < (this.#quietUntil.get(queue) ?? 0);
    for (const take of isQuiet ? [takeNew, takeOver] : [takeOver, takeNew]) {
      const taken = await damage.skipIfDamaged(take());
      if (taken !== undefined) return taken;
      if (take === takeOver) this.#rest(queue);
    }
    damage.throwFirst();
    return undefined;
  }

  #rest(queue: string): void {
    if (this.#quietUntil.size >= MAX_QUIET) this.#quietUntil.clear();
    this.#quietUntil.set(queue, monotonicMs() + QUIET_MS);
  }
}
