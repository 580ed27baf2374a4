import { isStateError } from "../contract/errors.js";
import type { Change, Identity, SessionIdentity, StateRecord, StateStore } from "../contract/store.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { moveRaw, rawCell, readRaw } from "../typed/moving/moved-record.js";
import type { SessionMove } from "../typed/moving/user-data.js";
import { Transaction } from "../typed/transaction.js";
import { wereHereBefore } from "./errors.js";
import type { MovedKinds } from "./kinds.js";

type Signal = AbortSignal | undefined;

/** The records that one commit moves, and what it depends on. */
export interface MovingPiece {
  readonly records: readonly StateRecord[];
  /** Kinds of the session that have to be empty still. */
  readonly empty?: readonly string[];
  /** Prefixes of kinds that are erased where the session was. */
  readonly erased?: readonly string[];
}

/** How many records each sort of data counts. */
export type Counts = Map<string, number>;

/**
 * Moves records of a session in one commit, with what is written beside them. Returns false, and has moved nothing, if one of
 * them has changed. CONDITION_FAILED if the other user has one of them.
 */
export async function commitMove(
  store: StateStore,
  kinds: MovedKinds,
  move: SessionMove,
  { records, empty = [], erased = [] }: MovingPiece,
  signal: Signal,
): Promise<boolean> {
  const transaction = new Transaction(store, signal);
  const { from, to } = move;
  for (const record of records) await readRaw(transaction, record.identity, record.kind, record);
  for (const kind of empty)
    if ((await transaction.getRecord(rawCell(from, kind))) !== undefined) return false;
  for (const record of records) await kinds.alongside(record.kind)?.(transaction, record, move);
  for (const record of records) await moveRaw(transaction, record, to, await kinds.eventId(record, move));
  const erases = erased.map((prefix): Change => ({ op: "erase", identity: from, prefix }));
  try {
    const changes = [...(await transaction.changes()), ...erases];
    const { duplicate } = await commitWithRetries(store, changes, { signal, repeatable: true });
    // After a lost answer the records are gone. Otherwise they were the other user's before, and nothing was written.
    const [first] = records;
    return !duplicate || first === undefined || !(await isThere(store, first, signal)) || hereBefore(move);
  } catch (error) {
    if (isStateError(error, "CONDITION_FAILED") && !isOf(error.details.identity, to)) return false;
    throw error;
  }
}

/** Adds the records of a piece to the counts. */
export function count(counts: Counts, kinds: MovedKinds, records: readonly StateRecord[]): void {
  for (const { kind } of records) {
    const name = kinds.countedAs(kind);
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
}

async function isThere(store: StateStore, { identity, kind }: StateRecord, signal: Signal): Promise<boolean> {
  return (await store.find(identity, kind, { signal })) !== undefined;
}

function hereBefore({ from }: SessionMove): never {
  throw wereHereBefore(from.session);
}

function isOf({ user, session }: Identity, owner: SessionIdentity): boolean {
  return user === owner.user && session === owner.session;
}
