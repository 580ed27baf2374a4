import type { Identity, StateStore } from "../contract/store.js";
import { itemPrefix } from "../typed/names.js";
import type { Deletions } from "./deletions.js";
import { stillBeingDeleted } from "./errors.js";
import { dropOrphanedEntries } from "./orphaned-entries.js";
import { INDEX_PREFIX, readIndexEntry } from "./session-index.js";

/** Sessions per read of the index. */
const PAGE_SIZE = 100;

/** The collection of a user's state. */
export const USER_STATE = "user.state";

/**
 * Deletes all sessions of a user, and the user's state. Returns how many sessions. Follows the order of the index, in
 * which a session that is touched meanwhile moves ahead, so none is missed.
 */
export async function forgetSessions(
  store: StateStore,
  deletions: Deletions,
  user: Identity,
  signal: AbortSignal | undefined,
): Promise<number> {
  let forgotten = 0;
  let from: { after?: string } = {};
  for (;;) {
    const listed = await store.list(user, INDEX_PREFIX, { ...from, limit: PAGE_SIZE, signal });
    const last = listed.at(-1);
    if (last === undefined) break;
    from = { after: last.kind };
    const entries = await Promise.all(listed.map(readIndexEntry));
    for (const { session } of await dropOrphanedEntries(store, user, entries, signal)) {
      if (await deletions.delete({ tenant: user.tenant, user: user.user, session }, signal)) forgotten++;
    }
  }
  await store.erase(user, { prefix: itemPrefix(USER_STATE), ownState: true, signal });
  await deletions.finishOverdueOf(user, signal);
  if (await deletions.areUnderWay(user, signal)) throw stillBeingDeleted();
  return forgotten;
}
