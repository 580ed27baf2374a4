import { isStateError } from "../contract/errors.js";
import type { Identity, StateStore } from "../contract/store.js";
import { type Cell, cellAt } from "../typed/cell.js";
import { findCell, putCell } from "../typed/cell-operations.js";
import { json } from "../typed/codec.js";
import { transact } from "../typed/transact.js";
import { isDamage } from "./errors.js";
import type { PageQuery } from "./listing.js";
import { headCell } from "./session-head.js";
import { listOf, namedBy } from "./session-lists.js";
import type { SessionRecords } from "./session-records.js";

const PAGE_SIZE = 200;
/** Sessions upgraded at once. */
const AT_ONCE = 16;

/** The cell that says that all sessions of a user stand in all lists, and in the part of each that is theirs. */
export function allListedCell(user: Identity): Cell<true> {
  return cellAt(user, "session.all-listed", json<true>());
}

/**
 * Gives the sessions of a user that a version before 0.5 wrote last their place in the order of events, and among the open or
 * the closed ones. Done once for a user. After an interruption, it goes on: what was upgraded is passed over. Where damage is
 * to be marked, what cannot be read is left for the next time.
 */
export async function listOldSessions(
  store: StateStore,
  records: SessionRecords,
  user: Identity,
  { signal, marksDamage }: Pick<PageQuery, "signal" | "marksDamage">,
): Promise<void> {
  const done = allListedCell(user);
  if ((await findCell(store, done, { signal })) !== undefined) return;
  const list = listOf("updatedAt", false);
  let isWhole = true;
  for (let after: string | undefined; ; ) {
    const listed = await store.list(user, list.prefix, { after, limit: PAGE_SIZE, bytes: false, signal });
    const old = listed
      .filter(({ version }) => version === 0)
      .flatMap((header) => namedBy(list, header)?.session ?? []);
    for (let start = 0; start < old.length; start += AT_ONCE)
      await Promise.all(
        old.slice(start, start + AT_ONCE).map((session) =>
          upgrade(store, records, { ...user, session }, signal).catch((error: unknown) => {
            if (!marksDamage || !isDamage(error)) throw error;
            isWhole = false;
          }),
        ),
      );
    after = listed.at(-1)?.kind;
    if (listed.length < PAGE_SIZE) break;
  }
  if (isWhole) await putCell(store, done, true, { signal });
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
