import type { ScanQuery, Slot } from "../contract/driver.js";
import { invalid } from "../contract/errors.js";
import type { ListOptions, ScanOptions } from "../contract/store.js";
import { readLimit, readRecordKey } from "./validate.js";
import { readKind } from "./validate-text.js";

/** A scan of any number of pages; `limit` bounds all of them together. */
export type Range = Omit<ScanQuery, "limit" | "maxBytes"> & { readonly limit?: number };

/** Reads the options of `list`. */
export function listRange(
  owner: Omit<Slot, "kind">,
  options: ListOptions,
): Pick<Range, "reverse" | "limit" | "after" | "before"> {
  const { reverse = false } = options;
  if (typeof reverse !== "boolean" || ("reverse" in options && options.reverse === undefined)) {
    throw invalid("reverse", "true or false");
  }
  return {
    reverse,
    ...("limit" in options ? { limit: readLimit(options.limit) } : {}),
    ...("after" in options ? { after: { ...owner, kind: readKind(options.after, "after") } } : {}),
    ...("before" in options ? { before: { ...owner, kind: readKind(options.before, "before") } } : {}),
  };
}

/** Reads the options of `listKind`. */
export function scanRange(options: ScanOptions): Pick<Range, "reverse" | "limit" | "after"> {
  return {
    reverse: false,
    ...("limit" in options ? { limit: readLimit(options.limit) } : {}),
    ...("after" in options ? { after: readRecordKey(options.after, "after") } : {}),
  };
}
