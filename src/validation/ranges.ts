import type { ScanQuery, SessionsQuery, Slot } from "../contract/driver.js";
import { LIMITS } from "../contract/limits.js";
import type { CountOptions, ListOptions, ScanOptions, SessionsOptions } from "../contract/store.js";
import { readBoolean, readLimit, readRecordKey, validateUserIdentity } from "./validate.js";
import { readKind, readName, readText } from "./validate-text.js";

/** A scan of any number of pages; `limit` bounds all of them together. */
export type Range = Omit<ScanQuery, "limit" | "maxBytes"> & { readonly limit?: number };

/** Reads the options of `count`. */
export function countRange(
  owner: Omit<Slot, "kind">,
  { from, after, before, limit }: CountOptions,
): Pick<Range, "from" | "after" | "before" | "limit"> {
  const at = (kind: string, field: string) => ({ ...owner, kind: readKind(kind, field) });
  return {
    ...readOptionalLimit(limit),
    ...(from === undefined ? {} : { from: at(from, "from") }),
    ...(after === undefined ? {} : { after: at(after, "after") }),
    ...(before === undefined ? {} : { before: at(before, "before") }),
  };
}

/** Reads the options of `list`. */
export function listRange(
  owner: Omit<Slot, "kind">,
  options: ListOptions,
): Omit<Range, "tenant" | "identity" | "prefix"> {
  const reverse = "reverse" in options ? readBoolean(options.reverse, "reverse") : false;
  return { reverse, ...readWithoutBytes(options), ...countRange(owner, options) };
}

/** Reads the options of `listKind`. */
export function scanRange(options: ScanOptions): Omit<Range, "tenant" | "identity" | "prefix"> {
  const { after, limit } = options;
  return {
    reverse: false,
    ...readWithoutBytes(options),
    ...readOptionalLimit(limit),
    ...(after === undefined ? {} : { after: readRecordKey(after, "after") }),
  };
}

/** Some sessions of a user; `limit` bounds all pages together. */
export type SessionsRange = Omit<SessionsQuery, "limit" | "after"> & {
  readonly after?: string;
  readonly limit?: number;
};

/** Reads the arguments of `listSessions`. */
export function sessionsRange(user: unknown, options: SessionsOptions): SessionsRange {
  const { tenant, user: name } = validateUserIdentity(user);
  const { after, limit } = options;
  return {
    tenant,
    user: name,
    prefix: "prefix" in options ? readText(options.prefix, "prefix", LIMITS.nameBytes) : "",
    ...readOptionalLimit(limit),
    ...(after === undefined ? {} : { after: readName(after, "after", "allowed") }),
  };
}

function readOptionalLimit(limit: unknown): { readonly limit?: number } {
  return limit === undefined ? {} : { limit: readLimit(limit) };
}

function readWithoutBytes(options: { readonly bytes?: unknown }): { readonly bytes?: false } {
  return "bytes" in options && !readBoolean(options.bytes, "bytes") ? { bytes: false } : {};
}
