export interface Backoff {
  /** The longest pause before the second attempt, in milliseconds; it doubles with each. */
  readonly baseMs: number;
  /** The longest pause of all, in milliseconds. */
  readonly mostMs: number;
  /** 0 to 1, both possible. */
  readonly random: () => number;
}

/**
 * The pause after the given number of attempts, in milliseconds: random, from 0 up to a bound that doubles with each
 * attempt, so that clients which collided do not collide again. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function jitteredPause(tries: number, { baseMs, mostMs, random }: Backoff): number {
  return Math.min(mostMs, baseMs * 2 ** (tries - 1)) * random();
}
