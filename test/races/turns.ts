import { setImmediate as nothingMoves } from "node:timers/promises";
import { type Random, seeded } from "../../conformance/inputs/seeded.js";

/** Those that wait go on one by one, each when nothing else moves any more, in an order that the seed decides. */
export class Turns {
  readonly #random: Random;
  readonly #waiting: (() => void)[] = [];

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  readonly pause = (): Promise<void> => new Promise((resolve) => this.#waiting.push(resolve));

  /** Gives turns until it is done. */
  async until<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const done = () => {
      isDone = true;
    };
    work.then(done, done);
    for (;;) {
      await nothingMoves();
      if (isDone) return work;
      const [next] = this.#waiting.splice(this.#random(this.#waiting.length), 1);
      if (next === undefined) throw new Error("nobody has a turn to wait for, and the work is not done");
      next();
    }
  }
}
