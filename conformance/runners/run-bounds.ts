/** How long a case may take, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 20_000;
/** A case that starts processes may take three times as long, its test three times that, and a timer this long. */
export const MOST_TIMEOUT_MS = Math.floor((2 ** 31 - 1) / 9);
/** How many cases run side by side. */
export const DEFAULT_CONCURRENCY = 4;
export const MOST_CONCURRENCY = 1_000;
