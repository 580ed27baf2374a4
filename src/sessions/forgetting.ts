import type { Identity, StateStore } from "../contract/store.js";
import { itemPrefix } from "../typed/names.js";
import type { Deletions } from "./deletions.js";
import { stillBeingDeleted } from "./errors.js";
import { allListedCell } from "./old-sessions.js";
import { findSessions } from "./orphaned-entries.js";
import { readEntry, SESSION_LISTS, type SessionList } from "./session-lists.js";
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
  let forgotten = 0;
  // Every session is in the first list. What is left in the others then has lost its session.
  for (const list of SESSION_LISTS)
    for await (const session of sessionsOf(store, records, user, list, signal))
      if (await deletions.delete({ tenant: user.tenant, user: user.user, session }, signal)) forgotten++;
  await store.delete(user, allListedCell(user).kind, { signal });
  await store.erase(user, { prefix: itemPrefix(USER_STATE), ownState: true, signal });
  await deletions.finishOverdueOf(user, signal);
  if (await deletions.areUnderWay(user, signal)) throw stillBeingDeleted();
  return forgotten;
}

/** Follows the order of the list, in which a session that is touched meanwhile moves ahead, so none is missed. */
async function* sessionsOf(
  store: StateStore,
  records: SessionRecords,
  user: Identity,
  list: SessionList,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  for (let after: string | undefined; ; ) {
    const listed = await store.list(user, list.prefix, { after, limit: PAGE_SIZE, signal });
    after = listed.at(-1)?.kind;
    if (after === undefined) return;
    const entries = await Promise.all(listed.map((record) => readEntry(list, record)));
    for (const { entry } of await findSessions(store, records, user, list, entries, signal))
      yield entry.session;
  }
}
