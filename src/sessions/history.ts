import { isStateError } from "../contract/errors.js";
import type { CallOptions, SessionIdentity, StateStore } from "../contract/store.js";
import type { Codec } from "../typed/codec.js";
import { type CombinableOperation, performCombined } from "../typed/combined/perform-combined.js";
import { type Entry, Journal, type NewEntry, type ReadOptions } from "../typed/journal.js";
import type { AppendReceipt } from "../typed/journal-append.js";
import type { Bounds } from "../typed/journal-bounds.js";
import type { TrimRange } from "../typed/journal-trim.js";
import type { Transaction } from "../typed/transaction.js";
import { readOptions, readSignal } from "../validation/validate.js";
import { canRetryLater } from "./errors.js";
import { EVENTS, headCell, SESSION_HEAD } from "./session-head.js";
import type { SessionRecords } from "./session-records.js";

/** The events of sessions. */
export class History<E, Input> {
  readonly #store: StateStore;
  readonly #records: SessionRecords;
  readonly #journal: Journal<E, Input>;

  constructor(store: StateStore, records: SessionRecords, options: { readonly events?: Codec<E, Input> }) {
    this.#store = store;
    this.#records = records;
    const codec = "events" in options ? { codec: options.events } : {};
    this.#journal = Journal.withHead<E, Input>(store, EVENTS, SESSION_HEAD, codec);
  }

  async append(
    owner: SessionIdentity,
    entries: readonly NewEntry<Input>[],
    options: CallOptions | undefined,
  ): Promise<AppendReceipt> {
    const signal = readSignal(readOptions(options, ["signal"]));
    const appending = await this.operation(owner, entries);
    try {
      return await performCombined(this.#store, appending, signal);
    } catch (error) {
      if (!isStateError(error, "SESSION_CLOSED")) throw error;
      // The entries may have been appended while the session was open; then this call is a retry and a duplicate.
      const receipt = await this.#journal.appended(owner, entries);
      if (receipt === undefined) throw error;
      return receipt;
    }
  }

  /** An append as part of a unit, or of a commit that appends of this process share. */
  async operation(
    owner: SessionIdentity,
    entries: readonly NewEntry<Input>[],
  ): Promise<CombinableOperation<AppendReceipt>> {
    // The entries in the lists move at most once in a commit or two, so they do not count.
    return this.#journal.operation(owner, entries, (transaction) =>
      this.#records.advance(transaction, owner),
    );
  }

  async read(owner: SessionIdentity, options: ReadOptions | undefined): Promise<Entry<E>[]> {
    const entries = await this.#journal.read(owner, options);
    await this.#records.requireExisting(owner, { signal: options?.signal });
    return entries;
  }

  /** Trims first and loads the session afterwards: if the session is gone, its events were to be erased anyway. */
  async trim(
    owner: SessionIdentity,
    range: TrimRange | number,
    options: CallOptions | undefined,
  ): Promise<number> {
    const signal = readSignal(readOptions(options, ["signal"]));
    const trimmed = await this.#journal.trim(owner, range, { signal, turn: headCell(owner) });
    await this.#records.requireExisting(owner, { signal });
    return trimmed;
  }

  /** Trims as part of a transaction. Returns whether all records are removed; if not, call `sweep` after the commit. */
  async trimIn(transaction: Transaction, owner: SessionIdentity, range: TrimRange): Promise<boolean> {
    return (await this.#journal.trimIn(transaction, owner, range)).isDone;
  }

  /** Removes the records of trimmed events. If the store is unavailable, the next trim removes them. */
  async sweep(owner: SessionIdentity, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#journal.sweep(owner, { signal, turn: headCell(owner) });
    } catch (error) {
      if (!canRetryLater(error) && !signal?.aborted) throw error;
    }
  }

  /** The numbers of the events as a transaction sees them; no commit depends on them. */
  peekBounds(transaction: Transaction, owner: SessionIdentity): Promise<Bounds> {
    return this.#journal.peekBounds(transaction, owner);
  }
}
