import type { ScanQuery } from "../src/contract/driver.js";

/** A list that is longer than this is read in slices. */
const AT_ONCE = { limit: 500, maxBytes: 1024 * 1024 };

/** What is read of a list first, for nobody knows beforehand how long it is: mostly it is all of it. */
export function beginOf(query: ScanQuery): ScanQuery {
  return {
    ...query,
    limit: Math.min(query.limit, AT_ONCE.limit),
    maxBytes: Math.min(query.maxBytes, AT_ONCE.maxBytes),
  };
}
