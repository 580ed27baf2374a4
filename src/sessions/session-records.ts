import type { CallOptions, EventId, SessionIdentity, StateStore } from "../contract/store.js";
import { type Cell, cellAt } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import type { Clock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { readDate } from "../validation/validate.js";
import { noSession, sessionClosed } from "./errors.js";
import { indexCell } from "./session-index.js";
import { SESSION_RECORD, type SessionRecord } from "./session-record.js";

export const SESSION_KIND = "session";

/** A larger difference means that a clock was wrong. */
const MAX_CLOCK_SKEW_MS = 300_000;

/** The cell of a session's own record. */
export function sessionCell(owner: SessionIdentity): Cell<SessionRecord> {
  return cellAt(owner, SESSION_KIND, SESSION_RECORD);
}

/** The records of sessions. A session's record and its index entry are written in the same commit. */
export class SessionRecords {
  readonly #store: StateStore;
  readonly #clock: Clock;

  constructor(store: StateStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Milliseconds since 1970, whole ones. */
  now(): number {
    return readDate(new Date(this.#clock()), "clock");
  }

  async find(owner: SessionIdentity, options?: CallOptions): Promise<SessionRecord | undefined> {
    return (await findCell(this.#store, sessionCell(owner), options))?.value;
  }

  /** NOT_FOUND. */
  async load(owner: SessionIdentity, options?: CallOptions): Promise<SessionRecord> {
    const record = await this.find(owner, options);
    if (record === undefined) throw noSession();
    return record;
  }

  /** The session. The read is a condition of the transaction. NOT_FOUND. */
  async get(transaction: Transaction, owner: SessionIdentity): Promise<SessionRecord> {
    const record = await transaction.get(sessionCell(owner));
    if (record === undefined) throw noSession();
    return record;
  }

  /** The same for a session that must be open. NOT_FOUND, SESSION_CLOSED. */
  async getOpen(transaction: Transaction, owner: SessionIdentity): Promise<SessionRecord> {
    const record = await this.get(transaction, owner);
    if (record.closedAt !== undefined) throw sessionClosed(record.closedAt);
    return record;
  }

  /** Moves an open session to the top of the list. NOT_FOUND, SESSION_CLOSED. */
  async touch(transaction: Transaction, owner: SessionIdentity): Promise<SessionRecord> {
    const record = await this.getOpen(transaction, owner);
    return this.replace(transaction, owner, record, () => record);
  }

  /** Writes the changed session and moves it to the top of the list. */
  async replace(
    transaction: Transaction,
    owner: SessionIdentity,
    previous: SessionRecord,
    change: (at: number) => SessionRecord,
  ): Promise<SessionRecord> {
    const updatedAt = timeAfter(previous.updatedAt, this.now());
    if (updatedAt !== previous.updatedAt) transaction.delete(indexCell(owner, previous.updatedAt));
    const record = { ...change(updatedAt), updatedAt };
    await this.put(transaction, owner, record);
    return record;
  }

  /** Writes a session and its index entry. The caller has deleted an entry under another time. */
  async put(
    transaction: Transaction,
    owner: SessionIdentity,
    record: SessionRecord,
    eventId?: EventId,
  ): Promise<void> {
    await transaction.set(sessionCell(owner), record, eventId);
    await transaction.set(indexCell(owner, record.updatedAt), record);
  }
}

/**
 * The time of a change. It does not go back, unless the previous time is so far ahead that a clock must have been wrong:
 * such a time would keep the session at the top of the list.
 */
function timeAfter(previous: number, now: number): number {
  return previous - now > MAX_CLOCK_SKEW_MS ? now : Math.max(previous, now);
}
