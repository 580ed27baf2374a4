import type { ScanQuery } from "../src/contract/driver.js";

/** A longer list is read in slices. */
const FIRST_PAGE = { limit: 500, maxBytes: 1024 * 1024 };

/** The query for the first part of a list, whose length is not known yet: usually this part is the complete list. */
export function firstPageOf(query: ScanQuery): ScanQuery {
  return {
    ...query,
    limit: Math.min(query.limit, FIRST_PAGE.limit),
    maxBytes: Math.min(query.maxBytes, FIRST_PAGE.maxBytes),
  };
}
