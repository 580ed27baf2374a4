import { isStateError } from "../contract/errors.js";
import type { Identity, SessionIdentity, StateStore } from "../contract/store.js";
import { jitteredPause } from "../timing/backoff.js";
import { pause } from "../typed/commit-with-retries.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import { type DeletionMark, DeletionMarks, isOverdue, newMark } from "./deletion-mark.js";
import { canRetryLater, eraseOutcomeUnknown } from "./errors.js";
import { type SessionRecords, sessionCell } from "./session-records.js";

const BACKOFF = { baseMs: 50, mostMs: 1000, random: Math.random };
const MAX_ATTEMPTS = 6;

/**
 * Deletes sessions in two commits, between which a crash may fall: the session gives way to a mark; the mark is removed,
 * and with it everything under the session's identity is erased.
 *
 * As long as the mark is there no session of the name is created. So the second commit takes nothing of a session that was
 * created anew, however late it comes and however often: either this very mark is there, or it does nothing.
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

  /** Whether there was a session. One whose deletion is under way elsewhere is none. */
  async delete(owner: SessionIdentity, signal: AbortSignal | undefined): Promise<boolean> {
    const mark = await this.#begin(owner, signal);
    if (mark === undefined) {
      await this.finishOverdue(owner);
      return false;
    }
    await this.#finish(owner, mark);
    return true;
  }

  /** Whether the session is being deleted, as the transaction finds it and relies on it. */
  async isUnderWay(transaction: Transaction, owner: SessionIdentity): Promise<boolean> {
    return (await transaction.get(this.#marks.at(owner))) !== undefined;
  }

  /** Finishes what was left undone; nothing while somebody may still be at it. */
  async finishOverdue(owner: SessionIdentity): Promise<void> {
    const mark = await this.#marks.find(owner);
    if (mark !== undefined && isOverdue(mark, this.#records.now())) await this.#finish(owner, mark);
  }

  /** The same. What fails now keeps its mark, and is left to the next time. */
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

  /** Whether a session of the user is being deleted. */
  async areUnderWay(user: Identity, signal: AbortSignal | undefined): Promise<boolean> {
    return this.#marks.hasAny(user, signal);
  }

  /** From here on the session is gone for everybody. `undefined` when there is none. */
  async #begin(owner: SessionIdentity, signal: AbortSignal | undefined): Promise<DeletionMark | undefined> {
    return transact(
      this.#store,
      async (transaction) => {
        const record = await transaction.get(sessionCell(owner));
        if (record === undefined) return undefined;
        const mark = newMark(this.#records.now());
        await transaction.set(this.#marks.at(owner), mark, mark.holder);
        this.#records.remove(transaction, owner, record);
        return mark;
      },
      { signal, turn: sessionCell(owner) },
    );
  }

  /** What is in doubt is sent again: whether the mark is still there tells what became of it. */
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
        // It is over: by a try whose answer was lost, or by another who found the mark overdue.
        if (isStateError(error, "CONDITION_FAILED")) return;
        if (isStateError(error, "OUTCOME_UNKNOWN")) unknownOutcome = error;
        else if (!isStateError(error, "UNAVAILABLE")) throw error;
        if (attempt === MAX_ATTEMPTS)
          throw unknownOutcome === undefined ? error : eraseOutcomeUnknown(unknownOutcome);
      }
      await pause(jitteredPause(attempt, BACKOFF), undefined);
    }
  }
}
