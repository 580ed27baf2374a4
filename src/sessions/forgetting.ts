import type { Identity, StateStore } from "../contract/store.js";
import { itemPrefix } from "../typed/names.js";
import type { Deletions } from "./deletions.js";
import { stillBeingDeleted } from "./errors.js";
import { Fillings } from "./fillings.js";
import { allListedCell } from "./old-sessions.js";
import { findSessions } from "./orphaned-entries.js";
import { FIELD_LISTS, fieldListAt, readEntry, SESSION_LISTS, type SessionList } from "./session-lists.js";
import type { SessionRecords } from "./session-records.js";

/** Sessions per read of a list. */
const PAGE_SIZE = 100;

/** The collection of a user's state. */
export const USER_STATE = "user.state";

/** Deletes all sessions of a user, and the user's state. Returns how many sessions. */
export async function forgetSessions(
  store: StateStore,
  records: SessionRecords,
  deletions: Deletions,
  user: Identity,
  signal: AbortSignal | undefined,
): Promise<number> {
  await new Fillings(store, records, deletions).dropOf(user, "all", { signal });
  let forgotten = 0;
  // Every session is in the first list; its open ones come again, for what was reopened while the closed ones were deleted.
  // What is left in the others then has lost its session.
  const lists = [
    ...SESSION_LISTS.flatMap((list) =>
      [list.prefix, list.closedPrefix, list.prefix].map((prefix) => ({ prefix, listAt: () => list })),
    ),
    ...FIELD_LISTS.map((list) => ({
      prefix: list.prefix,
      listAt: (kind: string) => fieldListAt(list, kind),
    })),
  ];
  for (const { prefix, listAt } of lists)
    for await (const session of sessionsOf(store, records, { user, prefix, listAt }, signal))
      if (await deletions.delete({ tenant: user.tenant, user: user.user, session }, signal)) forgotten++;
  await store.delete(user, allListedCell(user).kind, { signal });
  await store.erase(user, { prefix: itemPrefix(USER_STATE), ownState: true, signal });
  await deletions.finishOverdueOf(user, signal);
  if (await deletions.areUnderWay(user, signal)) throw stillBeingDeleted();
  return forgotten;
}

interface ListsWalk {
  readonly user: Identity;
  readonly prefix: string;
  /** The list to which an entry of a kind belongs. */
  readonly listAt: (kind: string) => SessionList;
}

/** Follows the order of the list, in which a session that is touched meanwhile moves ahead, so none is missed. */
async function* sessionsOf(
  store: StateStore,
  records: SessionRecords,
  { user, prefix, listAt }: ListsWalk,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  for (let after: string | undefined; ; ) {
    const listed = await store.list(user, prefix, { after, limit: PAGE_SIZE, signal });
    after = listed.at(-1)?.kind;
    if (after === undefined) return;
    const found = await Promise.all(
      listed.map(async (record) => {
        const list = listAt(record.kind);
        return findSessions(store, records, list, [await readEntry(list, record)], signal);
      }),
    );
    for (const { entry } of found.flat()) yield entry.session;
  }
}
