import { jitteredPause } from "../../backoff.js";
import type { Identity, SessionIdentity, StateStore } from "../../contract.js";
import { isStateError } from "../../errors.js";
import { abortAfter } from "../../real-timers.js";
import { commitSurely, pause } from "../commit-surely.js";
import { transact } from "../transact.js";
import type { Transaction } from "../transaction.js";
import { type DeletionMark, DeletionMarks, freshForMs, isOverdue, newMark } from "./deletion-mark.js";
import { erasingInDoubt, erasingLate, mayPass } from "./errors.js";
import { type SessionRecords, sessionCell } from "./session-records.js";

const BACKOFF = { baseMs: 50, mostMs: 1000, random: Math.random };
const TRIES = 6;

/**
 * Deletes sessions in three steps, each of which a crash may interrupt: the session gives way to a mark, which is one
 * commit; everything under its identity is erased; the mark is removed.
 *
 * The store erases without a condition, so nobody may erase without holding the mark: it could be a session that was
 * created anew. That is why a mark is a lease, which is taken over when it is overdue and not before; and why it stays
 * after an erase in doubt, which may yet land. And an erase that was not sent while the mark was fresh is not sent at all.
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
    const mark = await this.#takeOver(owner);
    if (mark !== undefined) await this.#finish(owner, mark);
  }

  /** The same. What fails now keeps its mark, and is left to the next time. */
  async finishIfPossible(owner: SessionIdentity): Promise<void> {
    try {
      await this.finishOverdue(owner);
    } catch (error) {
      if (!mayPass(error)) throw error;
    }
  }

  /** The same for all sessions of a user. */
  async finishOverdueOf(user: Identity, signal: AbortSignal | undefined): Promise<void> {
    const sessions = await this.#marks.overdue(user, this.#records.now(), signal);
    const { tenant, user: name } = user;
    await Promise.all(sessions.map((session) => this.finishIfPossible({ tenant, user: name, session })));
  }

  /** Whether a session of the user is being deleted. */
  async areUnderWay(user: Identity, signal: AbortSignal | undefined): Promise<boolean> {
    return this.#marks.any(user, signal);
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

  async #takeOver(owner: SessionIdentity): Promise<DeletionMark | undefined> {
    const now = this.#records.now();
    return this.#replaceMark(owner, (mark) => isOverdue(mark, now));
  }

  /** A new mark in place of one that passes the test. */
  async #replaceMark(
    owner: SessionIdentity,
    test: (mark: DeletionMark) => boolean,
  ): Promise<DeletionMark | undefined> {
    const cell = this.#marks.at(owner);
    return transact(this.#store, async (transaction) => {
      const mark = await transaction.get(cell);
      if (mark === undefined || !test(mark)) return undefined;
      const mine = newMark(this.#records.now(), mark.since);
      await transaction.set(cell, mine, mine.holder);
      return mine;
    });
  }

  async #finish(owner: SessionIdentity, mark: DeletionMark): Promise<void> {
    const held = await this.#erase(owner, mark);
    if (held !== undefined) await this.#unmark(owner, held);
  }

  /**
   * The mark that was held to the end, or `undefined` when another took it over, who erases in our place. An erase whose
   * answer was lost is not sent again: of two, one could land when the mark is gone.
   */
  async #erase(owner: SessionIdentity, mark: DeletionMark): Promise<DeletionMark | undefined> {
    let held: DeletionMark | undefined = mark;
    for (let tries = 1; ; tries++) {
      const { holder } = held;
      if (freshForMs(held, this.#records.now()) <= 0) {
        held = await this.#replaceMark(owner, (current) => current.holder === holder);
      }
      if (held === undefined) return undefined;
      // One that waits in the store's queue for longer would land when another holds the mark, or nobody.
      const deadline = abortAfter(freshForMs(held, this.#records.now()));
      try {
        await this.#store.erase(owner, { signal: deadline.signal });
        return held;
      } catch (error) {
        if (isStateError(error, "OUTCOME_UNKNOWN")) throw erasingInDoubt(error);
        const isLate = deadline.signal.aborted && error === deadline.signal.reason;
        if (!isLate && !isStateError(error, "UNAVAILABLE")) throw error;
        if (tries === TRIES) throw isLate ? erasingLate() : error;
      } finally {
        deadline.clear();
      }
      await pause(jitteredPause(tries, BACKOFF), undefined);
    }
  }

  async #unmark(owner: SessionIdentity, { holder }: DeletionMark): Promise<void> {
    const { identity, kind } = this.#marks.at(owner);
    try {
      const change = { op: "delete", identity, kind, expect: holder } as const;
      await commitSurely(this.#store, [change], { repeatable: true });
    } catch (error) {
      // It is gone, perhaps by a try whose answer was lost, or another's.
      if (!isStateError(error, "CONDITION_FAILED")) throw error;
    }
  }
}
