/** How long a case may take, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 20_000;
/** A case that starts processes may take three times as long, its test three times that, and a timer this long. */
export const MOST_TIMER_MS = 2 ** 31 - 1;
export const MOST_TIMEOUT_MS = Math.floor(MOST_TIMER_MS / 9);
/** How many cases run side by side. */
export const DEFAULT_CONCURRENCY = 4;
export const MOST_CONCURRENCY = 1_000;
/** How many random histories of a kind may be asked for, and for how long. */
export const MOST_SEEDS = 1_000_000_000;
export const MOST_MINUTES = 7 * 24 * 60;
