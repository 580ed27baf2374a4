import { isStateError } from "../contract/errors.js";
import type { CallOptions, Identity, RecordHeader, StateStore } from "../contract/store.js";
import { transact } from "../typed/transact.js";
import { readInteger, readNamed, readSignal } from "../validation/validate.js";
import { entrySourceOf, placeIn } from "./entry-source.js";
import { isDamage } from "./errors.js";
import { cursorAt, readCursorOf } from "./listing.js";
import { isTenant } from "./owners.js";
import { headCell } from "./session-head.js";
import { keyAt, listOf, namedBy, USER_SEPARATOR } from "./session-lists.js";
import type { SessionRecords } from "./session-records.js";

/** How much of a `reindex` one call does. */
export interface ReindexOptions extends CallOptions {
  /** How many sessions it looks at: 1 to 10,000. Default 1,000. */
  readonly limit?: number;
  /** The `next` of the call before. Absent or `undefined`: it begins with the session touched longest ago. */
  readonly after?: string | undefined;
}

/** What one call of `reindex` did. */
export interface Reindexed {
  /** Sessions that are listed by their fields now and were not before. */
  readonly changed: number;
  /** Sessions that cannot be read. */
  readonly damaged: number;
  /** Where the next call goes on; absent when all is done. */
  readonly next?: string;
}

/** Sessions written at once. */
const AT_ONCE = 16;
const DEFAULT_LIMIT = 1_000;
const MAX_LIMIT = 10_000;
const LIST = listOf("updatedAt", false);

type Outcome = "changed" | "damaged" | "as it was";

/** Lists a number of sessions by the fields that are declared now. */
export async function reindexSessions(
  store: StateStore,
  records: SessionRecords,
  owner: Identity,
  options: ReindexOptions = {},
): Promise<Reindexed> {
  readNamed(options, "options", ["limit", "after", "signal"]);
  const limit = "limit" in options ? readInteger(options.limit, "limit", 1, MAX_LIMIT) : DEFAULT_LIMIT;
  const after = options.after === undefined ? undefined : readCursorOf(isTenant(owner), options.after);
  const signal = readSignal(options);
  const headers = await entrySourceOf(store, owner, () => records.now()).headers({
    list: LIST,
    status: undefined,
    isNewestFirst: false,
    beyond: after && keyAt(LIST, owner, after.position),
    from: undefined,
    limit,
    signal,
  });
  const done: Outcome[] = [];
  for (let start = 0; start < headers.length; start += AT_ONCE) {
    const some = headers.slice(start, start + AT_ONCE);
    done.push(...(await Promise.all(some.map((header) => reindexOne(store, records, header, signal)))));
  }
  const last = headers.length < limit ? undefined : headers.at(-1);
  return {
    changed: done.filter((outcome) => outcome === "changed").length,
    damaged: done.filter((outcome) => outcome === "damaged").length,
    ...(last && { next: cursorAt(placeOf(owner, last), false) }),
  };
}

async function reindexOne(
  store: StateStore,
  records: SessionRecords,
  header: RecordHeader,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const session = namedBy(LIST, header)?.session;
  if (session === undefined) return "damaged";
  const { tenant, user } = header.identity;
  const owner = { tenant, user, session };
  try {
    const reindex = await transact(store, (transaction) => records.reindex(transaction, owner), {
      signal,
      turn: headCell(owner),
    });
    return reindex ? "changed" : "as it was";
  } catch (error) {
    if (isDamage(error)) return "damaged";
    // It was deleted meanwhile, or its entry is orphaned.
    if (isStateError(error, "NOT_FOUND")) return "as it was";
    throw error;
  }
}

function placeOf(owner: Identity, header: RecordHeader): string {
  const place = placeIn(LIST, header);
  return isTenant(owner) ? `${place}${USER_SEPARATOR}${header.identity.user}` : place;
}
