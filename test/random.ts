import { randomInt } from "node:crypto";
import { type Random, seeded } from "../conformance/inputs/seeded.js";

const STEP = 0x6d2b79f5;

/** Random choices that can be made once more: from the same seed come the same ones. */
export class RandomChoices {
  readonly #seed: number;
  readonly #random: Random;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = seeded(seed);
  }

  /** From 0 up to 1, exclusive. */
  readonly next = (): number => this.#random(2 ** 32) / 2 ** 32;

  /** A whole number from 0 up to `count`, exclusive. */
  below(count: number): number {
    return this.#random(count);
  }

  /** True with this probability. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** Dice for one of several who throw at the same time, so that none changes another's luck. */
  of(who: number): RandomChoices {
    return new RandomChoices(Math.imul(this.#seed + who + 1, STEP));
  }
}

/** Runs a test on random choices. When it fails, its error says how to make the same choices again. */
export async function withDice(run: (dice: RandomChoices) => Promise<void>): Promise<void> {
  const { GROUNDSTATE_REPLAY: given } = process.env;
  const seed = given ? Number.parseInt(given, 10) : randomInt(2 ** 31);
  try {
    await run(new RandomChoices(seed));
  } catch (error) {
    if (error instanceof Error)
      error.message += `\n\nTo make the same choices again: GROUNDSTATE_REPLAY=${seed}`;
    throw error;
  }
}
