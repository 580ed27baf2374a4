import { invalid, isStateError, type StateError } from "../contract/errors.js";
import type {
  Change,
  EventId,
  Expect,
  Identity,
  RecordKey,
  StateRecord,
  StateStore,
} from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { type Cell, cellKey, decodeRecord, type SeenRecord } from "./cell.js";
import type { Codec } from "./codec.js";
import { findByEventId } from "./find-by-event-id.js";
import { encodeSave, requireSameBytes, type Write } from "./transaction-write.js";

/** A record that is stored, or that this transaction writes. */
export type FoundRecord = Pick<StateRecord, "identity" | "kind" | "bytes" | "version">;

/** Says what the refusal of a commit means to the caller whose slot it names. */
export type Explanation = (error: StateError) => unknown;

interface TouchedCell {
  readonly cell: Cell<unknown, never>;
  /** The record that the slot held, if the work read or peeked it: one attempt sees one record. */
  record?: Promise<SeenRecord | undefined>;
  /** The work read it: the commit fails if it has changed. */
  isRead?: boolean;
  write?: Promise<Write>;
  /** The caller's own condition for the write. It replaces the condition that a read makes. */
  expect?: Expect;
  explanation?: Explanation;
}

/** What `allOrNothing` puts back. */
type Written = Pick<TouchedCell, "write" | "expect" | "explanation">;

/**
 * The read set and the write set of one attempt. The commit fails if a slot that was read has changed. A slot that was
 * written without being read is overwritten unconditionally.
 */
export class Transaction {
  readonly #store: StateStore;
  readonly #signal: AbortSignal | undefined;
  readonly #touched = new Map<string, TouchedCell>();
  #undo: Map<TouchedCell, Written> | undefined;
  #tenant: string | undefined;
  readonly #afterwards: (() => Promise<unknown>)[] = [];
  readonly #otherwise: (() => Promise<unknown>)[] = [];
  readonly #owedRepeats = new Map<string, StateError>();

  /** @internal */
  constructor(store: StateStore, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#signal = signal;
  }

  /** The value of the cell, including this transaction's own write. CORRUPT. */
  async get<T>(cell: Cell<T, never>): Promise<T | undefined> {
    const touched = this.#take(cell);
    if (touched.write === undefined) touched.isRead = true;
    return this.#value(touched, cell.codec);
  }

  /**
   * Like `get`, but the commit does not depend on it: it takes effect even if the value has changed since. For values that
   * `work` does not need to be current, such as settings and hints: other writers of them do not make it run again. A `get`
   * of the same cell afterwards returns the same value, and makes it a condition.
   */
  async peek<T>(cell: Cell<T, never>): Promise<T | undefined> {
    return this.#value(this.#touch(cell), cell.codec);
  }

  /**
   * The record of the cell, including this transaction's own write, which has no time yet unless it was given. Like `get`, it is a condition,
   * unless the store refuses to return the record because it is damaged. @internal
   */
  async getRecord(cell: Cell<unknown, never>): Promise<SeenRecord | undefined> {
    const touched = this.#take(cell);
    if (touched.write === undefined) {
      const record = await this.#record(touched);
      touched.isRead = true;
      return record;
    }
    return recordFrom(cell, await touched.write);
  }

  /**
   * Takes a record for what the slot holds, in place of a read: the commit fails if it does not. Returns false if the slot
   * was touched before. @internal
   */
  assume(cell: Cell<unknown, never>, record: SeenRecord): boolean {
    if (this.#touched.has(cellKey(cell))) return false;
    this.#touch(cell).record = Promise.resolve(record);
    return true;
  }

  /** Forgets a slot that was assumed, and what was written to it: from now on it is read. @internal */
  forget(cell: Cell<unknown, never>): void {
    this.#touched.delete(cellKey(cell));
  }

  /** What the slot holds once this transaction has been committed, as far as it was read or written. @internal */
  async recordOf(cell: Cell<unknown, never>): Promise<SeenRecord | undefined> {
    const { write, record } = this.#touched.get(cellKey(cell)) ?? {};
    return write === undefined ? record : recordFrom(cell, await write);
  }

  /**
   * Writes the value. By an `eventId` of the caller's, the store recognises the same write within its idempotency window;
   * without one each attempt takes a new id. If the cell does not hold the event that `expect` names, `transact` rejects
   * with CONDITION_FAILED. A cell that the transaction wrote under an `eventId` can be written again, but not under another
   * one: the store would never learn of the first. INVALID_RECORD.
   */
  set<T, Input>(cell: Cell<T, Input>, value: Input, eventId?: EventId, expect?: Expect): Promise<void> {
    const done = this.write(cell, value, eventId, expect).then(() => {});
    // Work that does not await this promise gets its rejection from `changes`.
    done.catch(() => {});
    return done;
  }

  /**
   * Like `set`, but returns the event id of the write. The time of the record is that of the store unless it is given; a
   * write that comes again with its event id is the same at any time.
   * @internal
   */
  write<T, Input>(
    cell: Cell<T, Input>,
    value: Input,
    eventId?: EventId,
    expect?: Expect,
    updatedAt?: Date,
  ): Promise<EventId> {
    const touched = this.#take(cell);
    const write = encodeSave({ cell, value, eventId, expect, updatedAt, before: touched.write });
    this.#write(touched, write, expect);
    return write.then((written) => written.eventId);
  }

  /** Writes the value into an empty cell. If it is not empty, `transact` rejects with CONDITION_FAILED. INVALID_RECORD. */
  create<T, Input>(cell: Cell<T, Input>, value: Input, eventId?: EventId): Promise<void> {
    return this.set(cell, value, eventId, null);
  }

  /** Empties the cell. */
  delete(cell: Cell<unknown, never>): void {
    this.#write(this.#take(cell), Promise.resolve({ op: "delete" }));
  }

  /**
   * Runs a part of the work. If it rejects, what it wrote is dropped; what it read stays a condition. Parts must not overlap.
   * @internal
   */
  async allOrNothing<R>(part: () => Promise<R>): Promise<R> {
    const undo = new Map<TouchedCell, Written>();
    this.#undo = undo;
    try {
      return await part();
    } catch (error) {
      for (const [touched, before] of undo) Object.assign(touched, before);
      throw error;
    } finally {
      this.#undo = undefined;
    }
  }

  /** The record whose current event has this id, also where this transaction writes it. Not a condition. @internal */
  async findByEventId(owner: Identity, eventId: EventId): Promise<FoundRecord | undefined> {
    for (const { cell, write } of this.#touched.values()) {
      const written = await write;
      if (written?.op === "save" && written.eventId === eventId) return { ...written, ...keyOf(cell) };
    }
    return findByEventId(this.#store, owner, eventId, { signal: this.#signal });
  }

  /**
   * Whether the store, or this transaction, knows the write by its event id, even if it was overwritten since.
   * IDEMPOTENCY_CONFLICT where the id stands for another write. @internal
   */
  async isKnown<T, Input>(cell: Cell<T, Input>, value: Input, eventId: EventId): Promise<boolean> {
    const { identity, kind } = cell;
    const bytes = await cell.codec.encode(value);
    const own = await this.#touched.get(cellKey(cell))?.write;
    if (own?.op === "save" && own.eventId === eventId) return requireSameBytes(own.bytes, bytes);
    const record = { eventId, identity, kind, bytes, version: cell.codec.version };
    try {
      // Nothing has an event of this new id: the store judges the record's own id, and writes nothing.
      await this.#store.save(record, { expect: newEventId(), signal: this.#signal });
      return true;
    } catch (error) {
      if (isStateError(error, "CONDITION_FAILED")) return false;
      throw error;
    }
  }

  /** If the commit is refused because of this cell, the caller gets the error that the explanation returns. @internal */
  explain(cell: Cell<unknown, never>, explanation: Explanation): void {
    const touched = this.#touch(cell);
    this.#remember(touched);
    touched.explanation = explanation;
  }

  /**
   * The call that began something answers as it did then, though it has ended since: that is right only if the work also
   * repeats the call that ended it. Otherwise the unit is refused with this error. @internal
   */
  oweRepeat(cell: RecordKey, error: StateError): void {
    this.#owedRepeats.set(cellKey(cell), error);
  }

  /** The work has ended what is in this cell, or repeated the call that did. @internal */
  repeated(cell: RecordKey): void {
    this.#owedRepeats.delete(cellKey(cell));
  }

  /** Throws the error of a repeat that is owed. @internal */
  refuseOwedRepeats(): void {
    for (const error of this.#owedRepeats.values()) throw error;
  }

  /** Work that follows the commit, and that the caller can do without. @internal */
  afterCommit(work: () => Promise<unknown>): void {
    this.#afterwards.push(work);
  }

  /** @internal */
  get afterwards(): readonly (() => Promise<unknown>)[] {
    return this.#afterwards;
  }

  /** Work for a transaction that is not committed, such as removing what was stored for it. @internal */
  unlessCommitted(work: () => Promise<unknown>): void {
    this.#otherwise.push(work);
  }

  /** @internal */
  get otherwise(): readonly (() => Promise<unknown>)[] {
    return this.#otherwise;
  }

  /** The changes to commit. None if the transaction did nothing but one read. @internal */
  async changes(): Promise<Change[]> {
    const all = [...this.#touched.values()].filter(({ isRead, write }) => isRead || write !== undefined);
    // Several reads without a write are committed as checks: they must have been true at the same time.
    if (all.length < 2 && all.every(({ write }) => write === undefined)) return [];
    // The store reports the first condition that fails. Those from reads come first, because after them another attempt
    // can succeed; a failed `expect` is final.
    const dependsOnRead = ({ isRead = false, expect }: TouchedCell) => isRead && expect === undefined;
    const ordered = [...all.filter(dependsOnRead), ...all.filter((touched) => !dependsOnRead(touched))];
    const changes = await Promise.all(ordered.map(changeOf));
    return changes.filter((change) => change !== undefined);
  }

  /** What was read, as conditions without a write. @internal */
  async checks(): Promise<Change[]> {
    const read = [...this.#touched.values()].filter(({ isRead }) => isRead);
    return Promise.all(
      read.map(
        async ({ cell, record }) =>
          ({ op: "check", ...keyOf(cell), expect: eventIdOf(await record) }) as const,
      ),
    );
  }

  /** The error for the caller of a commit that was refused because of a slot. @internal */
  explained(slot: RecordKey | undefined, error: StateError): unknown {
    return (slot && this.#touched.get(cellKey(slot))?.explanation?.(error)) ?? error;
  }

  /** Whether the cell has an `expect` that does not match what the transaction itself read. @internal */
  async hasUnmetExpectation(cell: Pick<Cell<unknown>, "identity" | "kind">): Promise<boolean> {
    const { expect, record } = this.#touched.get(cellKey(cell)) ?? {};
    return expect !== undefined && (record === undefined || eventIdOf(await record) !== expect);
  }

  /** For what becomes a change: all changes of a commit are of one tenant. */
  #take(cell: Cell<unknown, never>): TouchedCell {
    const touched = this.#touch(cell);
    this.#tenant ??= cell.identity.tenant;
    if (cell.identity.tenant !== this.#tenant) throw invalid("tenant", "the same in all of one commit");
    return touched;
  }

  #write(touched: TouchedCell, write: Promise<Write>, expect?: Expect): void {
    this.#remember(touched);
    // What the transaction wrote before has had its condition on what is stored.
    if (touched.write === undefined && expect !== undefined) touched.expect = expect;
    touched.write = write;
  }

  #remember(touched: TouchedCell): void {
    const { write, expect, explanation } = touched;
    if (this.#undo?.has(touched) === false)
      this.#undo.set(touched, { write, expect, explanation } as Written);
  }

  #touch(cell: Cell<unknown, never>): TouchedCell {
    if (typeof cell?.codec?.encode !== "function") throw invalid("cell", "a cell, which `at` makes");
    const key = cellKey(cell);
    const touched = this.#touched.get(key) ?? { cell };
    this.#touched.set(key, touched);
    return touched;
  }

  async #value<T>(touched: TouchedCell, codec: Codec<T, never>): Promise<T | undefined> {
    if (touched.write !== undefined) {
      const write = await touched.write;
      return write.op === "save" ? codec.decode(write.bytes, write.version) : undefined;
    }
    const record = await this.#record(touched);
    return record && decodeRecord(codec, record);
  }

  #record(touched: TouchedCell): Promise<SeenRecord | undefined> {
    const { identity, kind } = touched.cell;
    touched.record ??= this.#store.find(identity, kind, { signal: this.#signal });
    return touched.record;
  }
}

function recordFrom(cell: Cell<unknown, never>, write: Write): SeenRecord | undefined {
  if (write.op === "delete") return undefined;
  const { eventId, bytes, version, updatedAt } = write;
  return { eventId, ...keyOf(cell), bytes, version, ...(updatedAt && { updatedAt }) };
}

function keyOf({ identity, kind }: Cell<unknown, never>): RecordKey {
  return { identity, kind };
}

async function changeOf(touched: TouchedCell): Promise<Change | undefined> {
  const { cell, record, isRead, expect, write: written } = touched;
  const { identity, kind } = cell;
  const condition = expect === undefined ? isRead && { expect: eventIdOf(await record) } : { expect };
  const write = await written;
  if (write === undefined) return condition ? { op: "check", identity, kind, ...condition } : undefined;
  if (write.op === "delete") return { op: "delete", identity, kind, ...condition };
  const { eventId, bytes, version, updatedAt } = write;
  const saved = { eventId, identity, kind, bytes, version, ...(updatedAt && { updatedAt }) };
  return { op: "save", record: saved, ...condition };
}

function eventIdOf(record: SeenRecord | undefined): Expect {
  return record?.eventId ?? null;
}
