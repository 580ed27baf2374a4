import type { CallOptions } from "../contract/store.js";
import { readInteger, readLimit, readOptions, readSignal } from "../validation/validate.js";

/** What `cleanup` removes. */
export interface CleanupOptions extends CallOptions {
  /** How long an upload is left alone, in milliseconds: 0 to ten years. Default one hour. */
  readonly abandonedMs?: number;
  /** The most that are removed: 1 to 10,000. Default 1,000. */
  readonly limit?: number | undefined;
}

const DEFAULT_CLEANUP = 1_000;
const DEFAULT_ABANDONED_MS = 3_600_000;
const MAX_ABANDONED_MS = 10 * 365 * 86_400_000;

export function readCleanup(options: CleanupOptions | undefined) {
  const given = readOptions(options, ["abandonedMs", "limit", "signal"]) as CleanupOptions;
  return {
    abandonedMs:
      "abandonedMs" in given
        ? readInteger(given.abandonedMs, "abandonedMs", 0, MAX_ABANDONED_MS)
        : DEFAULT_ABANDONED_MS,
    limit: given.limit === undefined ? DEFAULT_CLEANUP : readLimit(given.limit),
    signal: readSignal(given),
  };
}
