import { moveEach } from "../content/move-each.js";
import type {
  CallOptions,
  Identity,
  RecordHeader,
  StateRecord,
  StateStore,
  UserIdentity,
} from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import type { Cell } from "../typed/cell.js";
import { movedEventId } from "../typed/moving/moved-record.js";
import type { SessionMove, UserData, UserMove } from "../typed/moving/user-data.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import { DAMAGED, unlessCorrupt } from "../typed/unless-corrupt.js";
import {
  cellOfKind,
  DUE,
  LIVE,
  type SeenValue,
  type StoredValue,
  seenValue,
  VALUES,
} from "./stored-value.js";
import { deleteEntries, deleteValue, writeEntries, writeValue } from "./write-value.js";

/**
 * How the values of a user move to another, each with its entries in one commit. Where both have one under the same key, that
 * which ends later stays. Those of sessions move with these.
 */
export function movingExpiring(store: StateStore): UserData {
  return {
    name: "expiring",
    records: [
      { kind: VALUES, alongside: moveEntries },
      { kind: DUE, isIndex: true },
      { kind: LIVE, isIndex: true },
    ],
    ownPrefixes: [VALUES, DUE, LIVE],
    forgetUser: (user, options) => forgetValues(store, user, options),
    moveOwn: (move, options) => moveValues(store, move, options),
  };
}

/** Writes the entries of a session's value anew. A damaged value has none that are known. */
async function moveEntries(transaction: Transaction, record: StateRecord, move: SessionMove): Promise<void> {
  const seen = await unlessCorrupt(() => seenValue(record));
  if (seen === DAMAGED) return;
  const { group, key } = seen.stored;
  deleteEntries(transaction, { owner: move.from, group, key }, seen);
  const eventId = movedEventId(record, move.to);
  await writeEntries(transaction, { owner: move.to, group, key }, seen.expiresAt.getTime(), eventId);
}

async function forgetValues(
  store: StateStore,
  { tenant, user }: UserIdentity,
  options: CallOptions,
): Promise<number> {
  const owner = userIdentity(tenant, user);
  const erase = (prefix: string) => store.erase(owner, { ...options, prefix, ownState: true });
  const values = await erase(VALUES);
  // Entries without a value are of no use, so after an interruption the next call removes them.
  for (const entries of [DUE, LIVE]) await erase(entries);
  return values;
}

async function moveValues(
  store: StateStore,
  { tenant, from, to }: UserMove,
  options: CallOptions,
): Promise<number> {
  const [source, target] = [userIdentity(tenant, from), userIdentity(tenant, to)];
  const move = (header: RecordHeader) => moveValue(store, header, source, target, options);
  return moveEach(store, { source, prefix: VALUES }, move, options);
}

/** Returns whether it moved. CORRUPT. */
function moveValue(
  store: StateStore,
  { kind }: RecordHeader,
  source: Identity,
  target: Identity,
  { signal }: CallOptions,
): Promise<boolean> {
  return transact(
    store,
    async (transaction) => {
      const record = await transaction.getRecord(cellOfKind(source, kind));
      if (record === undefined) return false;
      const seen = await seenValue(record);
      const there = await unlessCorrupt(() => valueIn(transaction, cellOfKind(target, kind)));
      const { group, key } = seen.stored;
      deleteValue(transaction, { owner: source, group, key }, seen);
      if (typeof there === "object" && there.expiresAt >= seen.expiresAt) return false;
      const eventId = movedEventId({ ...record, updatedAt: seen.updatedAt }, target);
      const moved = { stored: seen.stored, at: seen.updatedAt, eventId };
      await writeValue(transaction, { owner: target, group, key }, there, moved);
      return true;
    },
    { signal },
  );
}

async function valueIn(transaction: Transaction, cell: Cell<StoredValue>): Promise<SeenValue | undefined> {
  const record = await transaction.getRecord(cell);
  return record && seenValue(record);
}
