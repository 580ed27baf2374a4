import { isStateError } from "../contract/errors.js";
import type { SessionIdentity, StateStore } from "../contract/store.js";
import { jitteredPause } from "../timing/backoff.js";
import { sleep } from "../timing/real-timers.js";
import { findCell } from "../typed/cell-operations.js";
import { transact } from "../typed/transact.js";
import { changedAllTheTime, deletionOutcomeUnknown } from "./errors.js";
import { type IndexEntry, indexCell } from "./session-index.js";
import type { SessionRecord } from "./session-record.js";
import { sessionCell } from "./session-records.js";

/** While other writers change the session. */
const CONTENTION = { baseMs: 2, mostMs: 100, random: Math.random };
const MAX_READS = 100;

/** While answers are lost. */
const BACKOFF = { baseMs: 50, mostMs: 1000, random: Math.random };
const MAX_ATTEMPTS = 6;

/**
 * Deletes a session in one commit: its entry in the list, and everything under its identity. Returns whether there was a
 * session. The commit expects the entry as it was read. An entry is written with each change of its session, so a late or
 * repeated commit cannot erase a session that was changed, or created anew, since.
 */
export async function eraseSession(
  store: StateStore,
  owner: SessionIdentity,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let first: SessionRecord | undefined;
  for (let attempt = 1; ; attempt++) {
    const record = (await findCell(store, sessionCell(owner), { signal }))?.value;
    first ??= record;
    // Another call has deleted the session. One that was created since is not the one to delete.
    if (record === undefined || first === undefined || !isSame(record, first)) return false;
    const cell = indexCell(owner, record.updatedAt);
    const entry = await findCell(store, cell, { signal });
    if (entry === undefined) await restoreEntry(store, owner, signal);
    else if (await eraseWith(store, owner, { record, eventId: entry.eventId }, signal)) return true;
    if (attempt === MAX_READS) throw changedAllTheTime();
    await sleep(jitteredPause(attempt, CONTENTION), signal);
  }
}

/** Returns false if the session was changed since the entry was read. */
async function eraseWith(
  store: StateStore,
  owner: SessionIdentity,
  { record, eventId }: Pick<IndexEntry, "record" | "eventId">,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { identity, kind } = indexCell(owner, record.updatedAt);
  let unknownOutcome: unknown;
  for (let attempt = 1; ; attempt++) {
    try {
      await store.commit(
        [
          { op: "delete", identity, kind, expect: eventId },
          { op: "erase", identity: owner },
        ],
        unknownOutcome === undefined ? { signal } : {},
      );
      return true;
    } catch (error) {
      if (isStateError(error, "CONDITION_FAILED"))
        return unknownOutcome !== undefined && settle(store, owner, record, unknownOutcome);
      if (isStateError(error, "OUTCOME_UNKNOWN")) unknownOutcome = error;
      else if (unknownOutcome === undefined || !isStateError(error, "UNAVAILABLE")) throw error;
      if (attempt === MAX_ATTEMPTS) throw deletionOutcomeUnknown(unknownOutcome);
    }
    await sleep(jitteredPause(attempt, BACKOFF), undefined);
  }
}

/** After an attempt whose answer was lost, and one that failed its condition: if the session is gone, the first took effect. */
async function settle(
  store: StateStore,
  owner: SessionIdentity,
  deleted: SessionRecord,
  unknownOutcome: unknown,
): Promise<true> {
  const found = await findCell(store, sessionCell(owner)).catch(() => {
    throw deletionOutcomeUnknown(unknownOutcome);
  });
  // Changed, or created anew by a clock that stands still: nobody can say which.
  if (found !== undefined && isSame(found.value, deleted)) throw deletionOutcomeUnknown(unknownOutcome);
  return true;
}

/** For a session that lost its entry. Does nothing if the entry has only moved. */
function restoreEntry(
  store: StateStore,
  owner: SessionIdentity,
  signal: AbortSignal | undefined,
): Promise<void> {
  return transact(
    store,
    async (transaction) => {
      const record = await transaction.get(sessionCell(owner));
      if (record === undefined) return;
      const entry = indexCell(owner, record.updatedAt);
      if ((await transaction.get(entry)) === undefined) await transaction.set(entry, record);
    },
    { signal, turn: sessionCell(owner) },
  );
}

function isSame(a: SessionRecord, b: SessionRecord): boolean {
  return a.createdAt === b.createdAt && a.creation?.eventId === b.creation?.eventId;
}
