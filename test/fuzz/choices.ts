import fc from "fast-check";

/**
 * What a random case is decided by: plain numbers, so that a failing case can be printed, shrunk and replayed. A case
 * that ended the process, and so has no seed to tell, is run again by its numbers in GROUNDSTATE_CHOICES.
 */
export function choices(length = 12): fc.Arbitrary<Choices> {
  const given = process.env.GROUNDSTATE_CHOICES;
  if (given !== undefined) return fc.constant(new Choices(given.split(" ").map(Number)));
  const number = fc.nat({ max: 0x7fffffff });
  return fc.array(number, { minLength: length, maxLength: length }).map((numbers) => new Choices(numbers));
}

/** Numbers that are used up one after another; when they are, it is all zeros. */
export class Choices {
  readonly #numbers: readonly number[];
  #used = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  /** 0 and up, below `end`. */
  below(end: number): number {
    return (this.#numbers[this.#used++] ?? 0) % end;
  }

  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  one<T>(pool: readonly T[]): T {
    if (pool.length === 0) throw new RangeError("there is nothing to choose from");
    return pool[this.below(pool.length)] as T;
  }

  /** Two that are not the same. */
  two<T>(pool: readonly T[]): [T, T] {
    const first = this.one(pool);
    return [first, this.one(pool.filter((other) => other !== first))];
  }

  /** From the beginning, for a case that is run again. */
  again(): this {
    this.#used = 0;
    return this;
  }

  get numbers(): string {
    return this.#numbers.join(" ");
  }

  get [fc.toStringMethod](): () => string {
    return () => `choices ${this.numbers}`;
  }
}
