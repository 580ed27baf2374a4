import { setImmediate as nothingMoves } from "node:timers/promises";

/** Numbers from 0 to 1, the same ones for a seed. */
export function seeded(seed: number): () => number {
  let last = seed;
  return () => {
    last = (Math.imul(last, 1664525) + 1013904223) >>> 0;
    return last / 2 ** 32;
  };
}

/** Those that wait go on one by one, each when nothing else moves any more, in an order that the seed decides. */
export class Turns {
  readonly #random: () => number;
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
      const [next] = this.#waiting.splice(Math.floor(this.#random() * this.#waiting.length), 1);
      if (next === undefined) throw new Error("nobody has a turn to wait for, and the work is not done");
      next();
    }
  }
}
