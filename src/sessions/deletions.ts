import { isStateError } from "../contract/errors.js";
import type { Identity, SessionIdentity, StateStore } from "../contract/store.js";
import { jitteredPause } from "../timing/backoff.js";
import { sleep } from "../timing/real-timers.js";
import type { Cell } from "../typed/cell.js";
import type { Transaction } from "../typed/transaction.js";
import type { Activity } from "./activity.js";
import { type DeletionMark, DeletionMarks, isOverdue } from "./deletion-mark.js";
import { eraseSession } from "./erase-session.js";
import { canRetryLater, eraseOutcomeUnknown } from "./errors.js";
import type { SessionRecords } from "./session-records.js";

const BACKOFF = { baseMs: 50, mostMs: 1000, random: Math.random };
const MAX_ATTEMPTS = 6;

/**
 * Deletes sessions, and finishes the deletions of processes of version 0.2. Those take two commits: the first replaces the
 * session's record by a mark, and the second removes the mark and erases everything under the session's identity. While
 * the mark exists, no session of the same name is created, and the second commit expects exactly this mark.
 */
export class Deletions {
  readonly #store: StateStore;
  readonly #records: SessionRecords;
  readonly #marks: DeletionMarks;

  constructor(store: StateStore, records: SessionRecords) {
    this.#store = store;
    this.#records = records;
    this.#marks = new DeletionMarks(store);
  }

  /** Returns whether there was a session. A session that another call is deleting does not count. */
  async delete(
    owner: SessionIdentity,
    signal: AbortSignal | undefined,
    isDoomed?: (activity: Activity) => boolean,
  ): Promise<boolean> {
    if (await eraseSession(this.#store, this.#records, owner, signal, isDoomed)) return true;
    await this.finishOverdue(owner);
    return false;
  }

  /** Whether a process of version 0.2 is deleting the session. The read is a condition of the transaction. */
  async isUnderWay(transaction: Transaction, owner: SessionIdentity): Promise<boolean> {
    return (await transaction.get(this.#marks.at(owner))) !== undefined;
  }

  /** The cell of the mark of such a deletion. */
  markCell(owner: SessionIdentity): Cell<DeletionMark> {
    return this.#marks.at(owner);
  }

  /** Finishes a deletion whose lease has expired. Does nothing while its holder may still be at work. */
  async finishOverdue(owner: SessionIdentity): Promise<void> {
    const mark = await this.#marks.find(owner);
    if (mark !== undefined && isOverdue(mark, this.#records.now())) await this.#finish(owner, mark);
  }

  /** The same, but leaves the deletion to a later call if the store is unavailable or the outcome is unknown. */
  async finishIfPossible(owner: SessionIdentity): Promise<void> {
    try {
      await this.finishOverdue(owner);
    } catch (error) {
      if (!canRetryLater(error)) throw error;
    }
  }

  /** The same for all sessions of a user. */
  async finishOverdueOf(user: Identity, signal: AbortSignal | undefined): Promise<void> {
    const sessions = await this.#marks.listOverdue(user, this.#records.now(), signal);
    const { tenant, user: name } = user;
    await Promise.all(sessions.map((session) => this.finishIfPossible({ tenant, user: name, session })));
  }

  /** Whether such a process is deleting a session of the user. */
  async areUnderWay(user: Identity, signal: AbortSignal | undefined): Promise<boolean> {
    return this.#marks.hasAny(user, signal);
  }

  /** Retries after an unknown outcome: if the mark is gone, an earlier attempt took effect. */
  async #finish(owner: SessionIdentity, { holder }: DeletionMark): Promise<void> {
    const { identity, kind } = this.#marks.at(owner);
    let unknownOutcome: unknown;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#store.commit([
          { op: "delete", identity, kind, expect: holder },
          { op: "erase", identity: owner },
        ]);
        return;
      } catch (error) {
        // The mark is gone: an attempt whose answer was lost, or another process after the lease expired, removed it.
        if (isStateError(error, "CONDITION_FAILED")) return;
        if (isStateError(error, "OUTCOME_UNKNOWN")) unknownOutcome = error;
        else if (!isStateError(error, "UNAVAILABLE")) throw error;
        if (attempt === MAX_ATTEMPTS)
          throw unknownOutcome === undefined ? error : eraseOutcomeUnknown(unknownOutcome);
      }
      await sleep(jitteredPause(attempt, BACKOFF), undefined);
    }
  }
}
