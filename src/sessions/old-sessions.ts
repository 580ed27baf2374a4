import { isStateError } from "../contract/errors.js";
import type { Identity, StateStore } from "../contract/store.js";
import { type Cell, cellAt } from "../typed/cell.js";
import { findCell, putCell } from "../typed/cell-operations.js";
import { json } from "../typed/codec.js";
import { transact } from "../typed/transact.js";
import { headCell } from "./session-head.js";
import { listOf, readEntry } from "./session-lists.js";
import type { SessionRecords } from "./session-records.js";

const PAGE_SIZE = 200;
/** Sessions upgraded at once. */
const AT_ONCE = 16;

/** The cell that says that all sessions of a user stand in all lists. */
export function allListedCell(user: Identity): Cell<true> {
  return cellAt(user, "session.all-listed", json<true>());
}

/**
 * Gives the sessions of a user that a version before 0.5 wrote last their place in the order of events. Done once for a
 * user. After an interruption, it goes on: what was upgraded is passed over.
 */
export async function listOldSessions(
  store: StateStore,
  records: SessionRecords,
  user: Identity,
  signal: AbortSignal | undefined,
): Promise<void> {
  const done = allListedCell(user);
  if ((await findCell(store, done, { signal })) !== undefined) return;
  const list = listOf("updatedAt", false);
  for (let after: string | undefined; ; ) {
    const listed = await store.list(user, list.prefix, { after, limit: PAGE_SIZE, signal });
    const entries = await Promise.all(listed.map((record) => readEntry(list, record)));
    const old = entries.filter(({ isOld }) => isOld).map(({ session }) => session);
    for (let start = 0; start < old.length; start += AT_ONCE)
      await Promise.all(
        old
          .slice(start, start + AT_ONCE)
          .map((session) => upgrade(store, records, { ...user, session }, signal)),
      );
    after = listed.at(-1)?.kind;
    if (listed.length < PAGE_SIZE) break;
  }
  await putCell(store, done, true, { signal });
}

async function upgrade(
  store: StateStore,
  records: SessionRecords,
  { tenant, user, session }: Identity,
  signal: AbortSignal | undefined,
): Promise<void> {
  const owner = { tenant, user, session };
  try {
    await transact(store, (transaction) => records.upgrade(transaction, owner), {
      signal,
      turn: headCell(owner),
    });
  } catch (error) {
    // It was deleted meanwhile, or its entry is orphaned.
    if (!isStateError(error, "NOT_FOUND")) throw error;
  }
}
