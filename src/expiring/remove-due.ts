import { type Removal, removeUnchanged } from "../content/remove-unchanged.js";
import type { RecordHeader, StateStore } from "../contract/store.js";
import type { DamageLog } from "../typed/damage.js";
import { timeKey } from "../typed/time.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import { DAMAGED, unlessCorrupt } from "../typed/unless-corrupt.js";
import { type DueValue, dueValue, seenValue, writtenBy } from "./stored-value.js";

type Signal = AbortSignal | undefined;

/**
 * Removes the values of these entries of one tenant, with the entries. A value that was touched or set since stays: its old
 * entry went with that. Returns how many values were removed.
 */
export async function removeDue(
  store: StateStore,
  entries: readonly RecordHeader[],
  damage: DamageLog,
  signal: Signal,
): Promise<number> {
  const known: DueValue[] = [];
  const removals: Removal[] = [];
  for (const header of entries) {
    const due = await damage.skipIfDamaged((async () => dueValue(header))());
    if (due === undefined) continue;
    known.push(due);
    const event = writtenBy(header.eventId);
    if (event === undefined) continue;
    const { value, entry, live } = due;
    removals.push([
      { op: "delete", identity: value.identity, kind: value.kind, expect: event },
      { op: "delete", identity: entry.identity, kind: entry.kind, expect: header.eventId },
      { op: "delete", identity: live.identity, kind: live.kind },
    ]);
  }
  const { removed } =
    removals.length === 0 ? { removed: 0 } : await removeUnchanged(store, removals, [], { signal });
  if (removed === known.length) return removed;
  const others = await Promise.all(known.map((due) => removeOther(store, due, signal)));
  return removed + others.filter(Boolean).length;
}

/**
 * Removes an entry that is still there though the event that it names did not write the value: that moved from another user, or
 * was damaged when it was replaced. The value goes only if the entry is its own. Returns whether it went.
 */
function removeOther(store: StateStore, due: DueValue, signal: Signal): Promise<boolean> {
  return transact(
    store,
    async (transaction) => {
      if ((await transaction.getRecord(due.entry)) === undefined) return false;
      const isItsOwn = await isEntryOf(transaction, due);
      transaction.delete(due.entry);
      transaction.delete(due.live);
      if (isItsOwn) transaction.delete(due.value);
      return isItsOwn;
    },
    { signal },
  );
}

async function isEntryOf(transaction: Transaction, { value, time }: DueValue): Promise<boolean> {
  const seen = await unlessCorrupt(async () => {
    const record = await transaction.getRecord(value);
    return record && seenValue(record);
  });
  return seen !== undefined && seen !== DAMAGED && timeKey(seen.expiresAt.getTime()) === time;
}
