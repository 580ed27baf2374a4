import { type Random, seeded } from "../inputs/seeded.js";

/** What a history is made of, drawn in an order that its seed decides: the same seed gives the same history everywhere. */
export class Choices {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    return this.#random(count);
  }

  between(least: number, most: number): number {
    return least + this.#random(most - least + 1);
  }

  isOneIn(count: number): boolean {
    return this.#random(count) === 0;
  }

  of<T>(list: readonly T[]): T {
    return list[this.#random(list.length)] as T;
  }

  /** So many different ones, in any order; all, where there are no more. */
  some<T>(list: readonly T[], count: number): readonly T[] {
    const left = [...new Set(list)];
    return Array.from(
      { length: Math.min(count, left.length) },
      () => left.splice(this.#random(left.length), 1)[0] as T,
    );
  }

  /** What one of these makes, the heavier ones more often. */
  weighted<T>(makers: readonly (readonly [weight: number, make: () => T])[]): T {
    let left = this.#random(makers.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, make] of makers) {
      if (left < weight) return make();
      left -= weight;
    }
    throw new RangeError("nothing to choose from");
  }
}
