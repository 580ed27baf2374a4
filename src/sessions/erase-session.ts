import { isStateError } from "../contract/errors.js";
import type { SessionIdentity, StateStore } from "../contract/store.js";
import { jitteredPause } from "../timing/backoff.js";
import { sleep } from "../timing/real-timers.js";
import type { Cell, Stored } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { transact } from "../typed/transact.js";
import type { Activity } from "./activity.js";
import { entriesByName } from "./entries-by-name.js";
import { changedAllTheTime, deletionOutcomeUnknown } from "./errors.js";
import type { ListEntry } from "./list-entry.js";
import { headCell } from "./session-head.js";
import { entryCellsOf, firstEntryCell } from "./session-lists.js";
import type { SessionRecords } from "./session-records.js";

/** While other writers change the session. */
const CONTENTION = { baseMs: 2, mostMs: 100, random: Math.random };
const MAX_READS = 100;

/** While answers are lost. */
const BACKOFF = { baseMs: 50, mostMs: 1000, random: Math.random };
const MAX_ATTEMPTS = 6;

/** A session to erase, and its entry in the list that all sessions are in. */
interface Doomed extends FoundSession {
  readonly owner: SessionIdentity;
  readonly entry: Stored<ListEntry>;
}

interface FoundSession {
  readonly activity: Activity;
  /** Where its entry is in the list that all sessions are in. */
  readonly cell: Cell<ListEntry>;
}

/**
 * Deletes a session in one commit: its entries in the lists, and everything under its identity. Returns whether there was a
 * session. The commit expects the first entry as it was read. It is written anew whenever one of the others is, so a late or
 * repeated commit can leave no entry, and cannot erase a session that was created anew since. It does not depend on the
 * metadata: a session whose record is damaged can be deleted. One that `isDoomed` does not accept stays; whoever makes it so
 * meanwhile changes the first entry.
 */
export async function eraseSession(
  store: StateStore,
  records: SessionRecords,
  owner: SessionIdentity,
  signal: AbortSignal | undefined,
  isDoomed?: (activity: Activity) => boolean,
): Promise<boolean> {
  let first: Activity | undefined;
  for (let attempt = 1; ; attempt++) {
    const found = await findSession(records, owner, isDoomed === undefined, signal);
    if (found === "damaged") return eraseDamaged(store, owner, signal);
    first ??= found?.activity;
    // Another call has deleted the session. One that was created since is not the one to delete.
    if (found === undefined || first === undefined || !isSame(found.activity, first)) return false;
    if (isDoomed?.(found.activity) === false) return false;
    const entry = await findCell(store, found.cell, { signal });
    if (entry === undefined) await restoreEntries(store, records, owner, signal);
    else if (await eraseWith(store, records, { ...found, owner, entry }, signal)) return true;
    if (attempt === MAX_READS) throw changedAllTheTime();
    await sleep(jitteredPause(attempt, CONTENTION), signal);
  }
}

/** The session, unless it cannot be read and that may be. A newer release may have written it: then it is not for this one to delete. */
async function findSession(
  records: SessionRecords,
  owner: SessionIdentity,
  mayBeDamaged: boolean,
  signal: AbortSignal | undefined,
): Promise<FoundSession | undefined | "damaged"> {
  try {
    const { activity, record } = await records.findActivity(owner, { signal });
    return activity && { activity, cell: firstEntryCell(owner, activity, record !== undefined) };
  } catch (error) {
    if (mayBeDamaged && isStateError(error, "CORRUPT")) return "damaged";
    throw error;
  }
}

/** Deletes a session whose head does not say where its entries are: they are found by its name. */
async function eraseDamaged(
  store: StateStore,
  owner: SessionIdentity,
  signal: AbortSignal | undefined,
): Promise<true> {
  const entries = await entriesByName(store, owner, signal);
  try {
    await store.commit(
      [
        ...entries.map(
          ({ identity, kind, eventId }) => ({ op: "delete", identity, kind, expect: eventId }) as const,
        ),
        { op: "erase", identity: owner },
      ],
      { signal },
    );
    return true;
  } catch (error) {
    // It was repaired meanwhile.
    if (isStateError(error, "CONDITION_FAILED")) throw changedAllTheTime();
    if (isStateError(error, "OUTCOME_UNKNOWN")) throw deletionOutcomeUnknown(error);
    throw error;
  }
}

/** Returns false if the entries have moved since the first was read. */
async function eraseWith(
  store: StateStore,
  records: SessionRecords,
  doomed: Doomed,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { owner, cell, entry } = doomed;
  const { identity, kind } = cell;
  // What the entry itself says is of the moment of its event.
  const others = entryCellsOf(owner, entry.value).filter((other) => other.kind !== kind);
  let unknownOutcome: unknown;
  for (let attempt = 1; ; attempt++) {
    try {
      await store.commit(
        [
          { op: "delete", identity, kind, expect: entry.eventId },
          ...others.map((other) => ({ op: "delete", identity: other.identity, kind: other.kind }) as const),
          { op: "erase", identity: owner },
        ],
        unknownOutcome === undefined ? { signal } : {},
      );
      return true;
    } catch (error) {
      if (isStateError(error, "CONDITION_FAILED"))
        return unknownOutcome !== undefined && settle(records, doomed, unknownOutcome);
      if (isStateError(error, "OUTCOME_UNKNOWN")) unknownOutcome = error;
      else if (unknownOutcome === undefined || !isStateError(error, "UNAVAILABLE")) throw error;
      if (attempt === MAX_ATTEMPTS) throw deletionOutcomeUnknown(unknownOutcome);
    }
    await sleep(jitteredPause(attempt, BACKOFF), undefined);
  }
}

/** After an attempt whose answer was lost, and one that failed its condition: if the session is gone, the first took effect. */
async function settle(
  records: SessionRecords,
  { owner, activity: deleted }: Doomed,
  unknownOutcome: unknown,
): Promise<true> {
  const { activity } = await records.findActivity(owner).catch(() => {
    throw deletionOutcomeUnknown(unknownOutcome);
  });
  // Changed, or created anew by a clock that stands still: nobody can say which.
  if (activity !== undefined && isSame(activity, deleted)) throw deletionOutcomeUnknown(unknownOutcome);
  return true;
}

function restoreEntries(
  store: StateStore,
  records: SessionRecords,
  owner: SessionIdentity,
  signal: AbortSignal | undefined,
): Promise<void> {
  return transact(store, (transaction) => records.restoreEntries(transaction, owner), {
    signal,
    turn: headCell(owner),
  }).catch((error: unknown) => {
    // Another call has deleted the session since it was found.
    if (!isStateError(error, "NOT_FOUND")) throw error;
  });
}

function isSame(a: Activity, b: Activity): boolean {
  return a.createdAt === b.createdAt;
}
