export interface Backoff {
  /** The longest pause before the second try, in milliseconds; it doubles with each. */
  readonly baseMs: number;
  /** The longest pause of all, in milliseconds. */
  readonly mostMs: number;
  /** 0 to 1, both possible. */
  readonly random: () => number;
}

/**
 * How long to wait after the given number of tries, in milliseconds: anything from nothing up to a bound that doubles,
 * so that those who collided do not meet again. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function jitteredPause(tries: number, { baseMs, mostMs, random }: Backoff): number {
  return Math.min(mostMs, baseMs * 2 ** (tries - 1)) * random();
}
