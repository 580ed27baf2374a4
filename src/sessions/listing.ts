import type { CallOptions, Identity, StateStore } from "../contract/store.js";
import { mapInSlices } from "../typed/slices.js";
import { readInteger, readNamed, readOneOf, readSignal } from "../validation/validate.js";
import { dropOrphanedEntries } from "./orphaned-entries.js";
import { type Session, type SessionStatus, statusOf } from "./session.js";
import { INDEX_PREFIX, type IndexEntry, readCursor, readIndexEntry } from "./session-index.js";

/** Which sessions `list` returns. */
export interface ListSessionsOptions extends CallOptions {
  /** 1 to 1,000. Default 50. */
  readonly limit?: number;
  /** The `next` of the page before. Absent or `undefined`: the first page. */
  readonly after?: string | undefined;
  /** Only open or only closed ones. Absent: all. */
  readonly status?: SessionStatus;
}

/** A page of sessions. */
export interface SessionPage<M> {
  /** Last touched first. */
  readonly sessions: readonly Session<M>[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
}

/** What to list. */
export interface PageQuery {
  readonly limit: number;
  /** The kind of the last entry seen. */
  readonly before: string | undefined;
  readonly status: SessionStatus | undefined;
  readonly signal: AbortSignal | undefined;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1000;
/** The page size where a status leaves entries out. */
const FILTERED_PAGE_SIZE = 200;

export function readPageQuery(options: ListSessionsOptions = {}): PageQuery {
  readNamed(options, "options", ["limit", "after", "status", "signal"]);
  const { limit, after, status } = options;
  return {
    limit: "limit" in options ? readInteger(limit, "limit", 1, MAX_LIMIT) : DEFAULT_LIMIT,
    before: after === undefined ? undefined : readCursor(after, "after"),
    status: "status" in options ? readOneOf(status, "status", ["open", "closed"] as const) : undefined,
    signal: readSignal(options),
  };
}

/**
 * Returns up to `limit` entries, the newest first, and one more if there are more. They come from one snapshot unless
 * some were left out and the rest had to be read.
 */
export async function readPage(store: StateStore, user: Identity, query: PageQuery): Promise<IndexEntry[]> {
  const { limit, status, signal } = query;
  let pageSize = status === undefined ? limit + 1 : Math.max(limit + 1, FILTERED_PAGE_SIZE);
  const found: IndexEntry[] = [];
  let { before } = query;
  for (;;) {
    const range = { limit: pageSize, reverse: true, signal, ...(before !== undefined && { before }) };
    const listed = await store.list(user, INDEX_PREFIX, range);
    const entries = await mapInSlices(listed, readIndexEntry);
    const matching = entries.filter(({ record }) => status === undefined || statusOf(record) === status);
    found.push(...(await dropOrphanedEntries(store, user, matching, signal)));
    if (found.length > limit || listed.length < pageSize) return found.slice(0, limit + 1);
    before = listed.at(-1)?.kind;
    pageSize = Math.max(limit + 1, FILTERED_PAGE_SIZE);
  }
}
