import { invalid, isStateError, StateError } from "../contract/errors.js";
import type { CallOptions, EventId, StateStore } from "../contract/store.js";
import { type Cell, cellKey, corruptRecord, decodeRecord } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { Collection } from "../typed/collection.js";
import { KnownRecords, payloadBytesOf } from "../typed/known-records.js";
import { digestOf, scopedEventId } from "../typed/names.js";
import type { Clock } from "../typed/time.js";
import { type TransactOptions, transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import { contentCodec } from "./content-codec.js";
import type { LifecycleDeclaration } from "./declaration.js";
import type { Declared } from "./declared.js";
import { DueIndex } from "./due-index.js";
import { LocationIndex } from "./location-index.js";
import { type Entry, isEntryOf, removeOrphan } from "./pointer.js";
import { type IndexEntry, StatusIndex } from "./status-index.js";
import type { ContentRecord, LifecycleKey, LifecycleState, Transition, Whole } from "./stored.js";

/** What cancels a write, and whether the same call again cannot take effect twice, as `transact` has it. */
export type WriteOptions = Pick<TransactOptions, "signal" | "repeatable">;

/** What belongs to one change alone, beside what the declaration says of all. */
export interface ChangeOptions<S extends LifecycleState, C> extends WriteOptions {
  /** What else is written, or read, in the commit that makes the change. It runs again when another writer was faster. */
  readonly alongside?: LifecycleDeclaration<S, C, unknown>["alongside"];
}

/** How a record is created in a transaction of the caller's. */
export interface CreateOptions {
  /**
   * The event id of the creation. Default one of the record's id: then a late retry does not create an erased record again.
   * With a new one for each call the id is free again once its record was removed.
   */
  readonly eventId?: EventId;
}

/** A record that was created, now or by an earlier call. */
export interface Created<V> {
  /** The record as it is now. */
  readonly record: V;
  /** It was there before: this call wrote nothing. */
  readonly duplicate: boolean;
}

/** A record with its stored size. */
export interface SizedWhole<S, C> {
  readonly whole: Whole<S, C>;
  readonly bytes: number;
}

/**
 * The records of a lifecycle. A record and its index entries are written in the same commit. Its content has a record of
 * its own that never changes, so a large content leaves room for the state in the other record.
 */
export class LifecycleRecords<S extends LifecycleState, C, V> {
  readonly store: StateStore;
  readonly declared: Declared<S, C, V>;
  readonly index: StatusIndex<S, C, V>;
  readonly due: DueIndex<S> | undefined;
  readonly locations: LocationIndex | undefined;
  readonly now: Clock;
  readonly #states: Collection<S>;
  readonly #contents: Collection<ContentRecord<C>>;
  readonly #parts: Collection<ContentRecord<object>> | undefined;
  readonly #known = new KnownRecords(payloadBytesOf);

  constructor(store: StateStore, declared: Declared<S, C, V>, now: Clock) {
    const { name, contentName, given } = declared;
    this.store = store;
    this.declared = declared;
    this.now = now;
    this.index = new StatusIndex(store, declared);
    const { due, dueBy, dueWithinMs } = given;
    const within = dueWithinMs === undefined ? {} : { dueWithinMs };
    this.due =
      due && new DueIndex(store, name, { due, ...within, ...(dueBy === undefined ? {} : { dueBy }) });
    this.locations = given.located ? new LocationIndex(store, name) : undefined;
    this.#states = new Collection(store, name, { codec: given.stateCodec });
    this.#contents = new Collection(store, `${name}.${contentName}`, { codec: given.contentCodec });
    const { laterPart } = given;
    this.#parts =
      laterPart &&
      new Collection(store, `${name}.${laterPart.name}`, {
        codec: contentCodec(laterPart.read),
      });
  }

  cell({ identity, id }: LifecycleKey): Cell<S> {
    return this.#states.at(identity, id);
  }

  /** CORRUPT. */
  async find(key: LifecycleKey, options: CallOptions): Promise<Whole<S, C> | undefined> {
    return (await this.findSized(key, options))?.whole;
  }

  /** The record, and about how many bytes are stored of it. CORRUPT. */
  async findSized(key: LifecycleKey, { signal }: CallOptions): Promise<SizedWhole<S, C> | undefined> {
    const cells = [this.cell(key), this.#contentCell(key)] as const;
    for (let before: string | undefined; ; ) {
      const records = await Promise.all(
        cells.map(({ identity, kind }) => this.store.find(identity, kind, { signal })),
      );
      const [found, content] = records;
      if (found === undefined) return undefined;
      const state = await decodeRecord(cells[0].codec, found);
      const whole = this.#join(state, content && (await decodeRecord(cells[1].codec, content)));
      let bytes = found.bytes.length + (content?.bytes.length ?? 0);
      const complete =
        whole &&
        (await this.#joinPart(key, whole, async (cell) => {
          const part = await this.store.find(cell.identity, cell.kind, { signal });
          bytes += part?.bytes.length ?? 0;
          return part && decodeRecord(cell.codec, part);
        }));
      if (complete !== undefined) return { whole: complete, bytes };
      // The record may have been erased and created again between the reads. Read again.
      if (found.eventId === before) throw this.#incomplete(key, whole);
      before = found.eventId;
    }
  }

  /**
   * Writes a new record. The store knows a caller's id for its idempotency window, so a late retry does not create an erased
   * record again: NOT_FOUND. IDEMPOTENCY_CONFLICT when something else has this id, INVALID_RECORD when the content is too
   * large.
   */
  async create(
    key: LifecycleKey,
    content: C,
    initial: (now: number) => S,
    options: WriteOptions,
  ): Promise<Created<V>> {
    try {
      const record = await transact(
        this.store,
        (transaction) => this.#write(transaction, key, content, initial),
        { ...options, turn: this.cell(key) },
      );
      return { record, duplicate: false };
    } catch (error) {
      if (!isStateError(error, "IDEMPOTENCY_CONFLICT") && !isStateError(error, "CONDITION_FAILED"))
        throw this.#nameLargeField(error, content);
    }
    const before = await this.find(key, options);
    if (before === undefined) throw this.declared.notFound();
    return this.#createdBefore(key, before, { content, state: initial(this.now()) });
  }

  /** The same in a transaction of the caller's. It reads first: a unit that is repeated finds what it created. */
  async createIn(
    transaction: Transaction,
    key: LifecycleKey,
    content: C,
    initial: (now: number) => S,
    options: CreateOptions = {},
  ): Promise<Created<V>> {
    const before = await this.#read(transaction, key);
    if (before !== undefined)
      return this.#createdBefore(key, before, { content, state: initial(this.now()) });
    transaction.explain(this.cell(key), (error) =>
      // The store knows the id, and there is no record: it was erased since.
      isStateError(error, "IDEMPOTENCY_CONFLICT") ? this.declared.notFound() : error,
    );
    transaction.explain(this.#contentCell(key), (error) => this.#nameLargeField(error, content));
    return { record: await this.#write(transaction, key, content, initial, options), duplicate: false };
  }

  /** Applies the transition to the record, atomically. NOT_FOUND, and the errors of the transition. */
  change(
    key: LifecycleKey,
    transition: Transition<S, C>,
    { alongside, ...options }: ChangeOptions<S, C>,
  ): Promise<V> {
    return transact(this.store, (transaction) => this.changeIn(transaction, key, transition, alongside), {
      ...options,
      turn: this.cell(key),
    });
  }

  /** The same in a transaction of the caller's. */
  async changeIn(
    transaction: Transaction,
    key: LifecycleKey,
    transition: Transition<S, C>,
    alongside?: ChangeOptions<S, C>["alongside"],
  ): Promise<V> {
    const cells = [this.cell(key), this.#contentCell(key)] as const;
    const [state, content] = this.#known.take(cellKey(cells[0])) ?? [];
    if (state !== undefined && content !== undefined && transaction.assume(cells[0], state)) {
      transaction.assume(cells[1], content);
      const made = await this.#change(transaction, key, transition, alongside).catch(() => undefined);
      if (made?.isNew) return made.record;
      // A refusal, and an answer that nothing is to be written, have to be those of what is stored.
      for (const cell of cells) transaction.forget(cell);
    }
    return (await this.#change(transaction, key, transition, alongside)).record;
  }

  async #change(
    transaction: Transaction,
    key: LifecycleKey,
    transition: Transition<S, C>,
    alongside: ChangeOptions<S, C>["alongside"],
  ): Promise<{ readonly record: V; readonly isNew: boolean }> {
    const whole = await this.#read(transaction, key);
    if (whole === undefined) throw this.declared.notFound();
    const { state: before, content } = whole;
    const now = this.now();
    const status = this.declared.statusAt(before, now);
    const state = transition(before, { now, status, content });
    if (state !== before) {
      this.declared.checkTransition(before, state);
      await transaction.set(this.cell(key), state);
      if (whole.isInline)
        await transaction.set(this.#contentCell(key), { createdAt: state.createdAt, content });
      this.#writePart(transaction, key, before, state);
      await this.index.move(transaction, key, before, { state, content });
      const groups = this.index.groupsOf({ state, content });
      await this.due?.move(transaction, key, { before, now: state, groups });
      for (const beside of [this.declared.given.alongside, alongside])
        await beside?.(transaction, key, { before, now: { state, content } });
      // Somebody is at work on it, and may well be this process.
      if (this.declared.given.due?.(state) !== undefined)
        transaction.afterCommit(() => this.#remember(transaction, key));
    }
    return { record: this.declared.view(key, { state, content }, now), isNew: state !== before };
  }

  async #remember(transaction: Transaction, key: LifecycleKey): Promise<void> {
    const cell = this.cell(key);
    const [state, content] = await Promise.all([
      transaction.recordOf(cell),
      transaction.recordOf(this.#contentCell(key)),
    ]);
    if (state !== undefined && content !== undefined) this.#known.put(cellKey(cell), [state, content]);
  }

  /** Both parts in a transaction of the caller's, which then depends on them; `undefined` if there is no record. */
  readIn(transaction: Transaction, key: LifecycleKey): Promise<Whole<S, C> | undefined> {
    return this.#read(transaction, key);
  }

  /** Removes a record with all its index entries in a transaction of the caller's. Returns whether there was one. CORRUPT. */
  async removeIn(transaction: Transaction, key: LifecycleKey): Promise<boolean> {
    const whole = await this.#read(transaction, key);
    if (whole === undefined) return false;
    const { state } = whole;
    const { status, createdAt } = state;
    const groups = this.index.groupsOf(whole);
    for (const cell of this.index.cellsOf({ key, status, createdAt, groups })) transaction.delete(cell);
    await this.#removeParts(transaction, key, state);
    return true;
  }

  /**
   * Removes the payload of a record that has ended; what is known about it stays. Returns whether there was one. CORRUPT.
   */
  removePayload(key: LifecycleKey, signal: AbortSignal | undefined): Promise<boolean> {
    const { withoutPayload } = this.declared.given;
    return transact(
      this.store,
      async (transaction) => {
        const whole = await this.#read(transaction, key);
        if (whole === undefined || withoutPayload === undefined) return false;
        const { state: before, content: given } = whole;
        if (!this.declared.isFinal(before.status) || before.payloadRemovedAt !== undefined) return false;
        const { state: bare, content } = withoutPayload({ state: before, content: given });
        const state = { ...bare, payloadRemovedAt: this.now() };
        await transaction.set(this.cell(key), state);
        await transaction.set(this.#contentCell(key), { createdAt: state.createdAt, content });
        await this.#rewritePart(transaction, key, before, state);
        await this.declared.given.payloadRemoved?.(transaction, key, before);
        await this.index.move(transaction, key, before, { state, content });
        return true;
      },
      { signal, repeatable: true, turn: this.cell(key) },
    );
  }

  /** Writes the later part of a state that lost its payload, if it had one. */
  async #rewritePart(transaction: Transaction, key: LifecycleKey, before: S, state: S): Promise<void> {
    const { laterPart } = this.declared.given;
    if (laterPart === undefined || !this.#hasPart(before)) return;
    const cell = this.#partCell(key);
    if (!this.#hasPart(state)) transaction.delete(cell);
    else await transaction.set(cell, { createdAt: state.createdAt, content: laterPart.of(state) });
  }

  /** Removes what is stored of a record but its entries in lists. `state` is absent where it cannot be read. */
  async #removeParts(
    transaction: Transaction,
    key: LifecycleKey,
    state: S | undefined,
    isRetention = false,
  ): Promise<void> {
    if (state !== undefined) {
      this.due?.remove(transaction, key, state);
      await this.declared.given.alongside?.(transaction, key, { before: state, now: undefined, isRetention });
    }
    transaction.delete(this.cell(key));
    transaction.delete(this.#contentCell(key));
    if (this.#parts) transaction.delete(this.#partCell(key));
    if (this.locations && state !== undefined) transaction.delete(this.locations.cell(key, state.createdAt));
  }

  /** Removes a record with all its index entries, also if it is damaged. Returns whether there was one. */
  async remove(entry: IndexEntry, signal: AbortSignal | undefined, isRetention = false): Promise<boolean> {
    const { key } = entry;
    const cell = this.cell(key);
    const removing = (isWhole: boolean) =>
      transact(
        this.store,
        async (transaction) => {
          if (!isWhole && (await transaction.get(entry.cell)) === undefined) return false;
          const state = isWhole ? await transaction.get(cell) : undefined;
          const isThere = state !== undefined && isEntryOf(entry, state);
          // Its status may have changed since the entry was read.
          this.index.removeAll(transaction, entry, isThere ? state.status : entry.status);
          if (isWhole && !isThere) return false;
          await this.#removeParts(transaction, key, isThere ? state : undefined, isRetention);
          if (this.locations) transaction.delete(this.locations.cell(key, entry.createdAt));
          return true;
        },
        { signal, repeatable: true, turn: cell },
      );
    try {
      return await removing(true);
    } catch (error) {
      if (!isStateError(error, "CORRUPT") || error.details.at?.kind !== cell.kind) throw error;
      // First: after an interruption the next call finds the damaged record, and what is left of it.
      for (const prefix of this.declared.given.largeContent?.(key.id) ?? [])
        await this.store.erase(key.identity, { prefix, signal });
      // When it is due is not known: whoever looks there finds the record gone, and removes the entry.
      return removing(false);
    }
  }

  /**
   * Removes an entry whose record is gone, and those of the record's other lists. Reads the record's slot once more and
   * removes them on the condition that the slot does not change until the commit.
   */
  async dropOrphan(entry: Entry, signal: AbortSignal | undefined): Promise<void> {
    const cell = this.cell(entry.key);
    const found = await findCell(this.store, cell, { signal });
    if (found !== undefined && isEntryOf(entry, found.value)) return;
    const owner = { ...cell, eventId: found?.eventId ?? null };
    const { key, createdAt } = entry;
    const lists = "status" in entry ? this.index.cellsOf(entry as IndexEntry) : [];
    const siblings = this.locations ? [...lists, this.locations.cell(key, createdAt)] : lists;
    await removeOrphan(this.store, entry, owner, siblings);
  }

  async #write(
    transaction: Transaction,
    key: LifecycleKey,
    content: C,
    initial: (now: number) => S,
    { eventId = this.#creationId(key) }: CreateOptions = {},
  ): Promise<V> {
    const now = this.now();
    const state = initial(now);
    await transaction.create(this.cell(key), state, eventId);
    await transaction.set(this.#contentCell(key), { createdAt: state.createdAt, content });
    await this.index.move(transaction, key, undefined, { state, content });
    await this.due?.move(transaction, key, {
      before: undefined,
      now: state,
      groups: this.index.groupsOf({ state, content }),
    });
    await this.locations?.write(transaction, key, state.createdAt);
    await this.declared.given.alongside?.(transaction, key, { before: undefined, now: { state, content } });
    return this.declared.view(key, { state, content }, now);
  }

  #creationId({ identity: { user, session }, id }: LifecycleKey): EventId {
    return scopedEventId(digestOf(this.declared.name, user, session), id);
  }

  /** The record, and whether its state's record contains the content, as those of older versions do. */
  async #read(transaction: Transaction, key: LifecycleKey) {
    const [state, content] = await Promise.all([
      transaction.get(this.cell(key)),
      // It never changes, and the commit depends on the state: so it need not depend on this too.
      transaction.peek(this.#contentCell(key)),
    ]);
    if (state === undefined) return undefined;
    // If the two records come from different moments, either this finds the content of this state, or the commit fails.
    const joined = this.#join(state, content);
    const whole =
      (joined && (await this.#joinPart(key, joined, (cell) => transaction.peek(cell)))) ??
      (await this.find(key, {}));
    return whole && { ...whole, isInline: this.declared.given.takeApart?.(state) !== undefined };
  }

  /** Joins the two parts of a record; `undefined` if they belong to different ones. */
  #join(state: S, record: ContentRecord<C> | undefined): Whole<S, C> | undefined {
    const apart = this.declared.given.takeApart?.(state);
    if (apart !== undefined) return apart;
    return record?.createdAt === state.createdAt ? { state, content: record.content } : undefined;
  }

  #hasPart(state: S): boolean {
    return this.declared.given.laterPart?.isIn(state) === true;
  }

  /** The record with the later part of its state; `undefined` if what was read belongs to another one. */
  async #joinPart(
    key: LifecycleKey,
    whole: Whole<S, C>,
    read: (cell: Cell<ContentRecord<object>>) => Promise<ContentRecord<object> | undefined>,
  ): Promise<Whole<S, C> | undefined> {
    const { laterPart } = this.declared.given;
    const { state, content } = whole;
    if (laterPart === undefined || !this.#hasPart(state)) return whole;
    const part = await read(this.#partCell(key));
    if (part?.createdAt !== state.createdAt) return undefined;
    return { state: laterPart.join(state, part.content), content };
  }

  #writePart(transaction: Transaction, key: LifecycleKey, before: S, state: S): void {
    const { laterPart } = this.declared.given;
    if (laterPart === undefined || this.#hasPart(before) || !this.#hasPart(state)) return;
    const cell = this.#partCell(key);
    transaction.explain(cell, (error) =>
      isStateError(error, "INVALID_RECORD") ? invalid(laterPart.field, "smaller") : error,
    );
    transaction.set(cell, { createdAt: state.createdAt, content: laterPart.of(state) });
  }

  /** CORRUPT: a record lacks its content, or a part of its state. */
  #incomplete(key: LifecycleKey, whole: Whole<S, C> | undefined): StateError<"CORRUPT"> {
    const { contentName, given } = this.declared;
    return whole === undefined
      ? corruptRecord(this.#contentCell(key), `the ${contentName} of a record is missing`)
      : corruptRecord(this.#partCell(key), `the ${given.laterPart?.name} of a record is missing`);
  }

  #partCell({ identity, id }: LifecycleKey): Cell<ContentRecord<object>> {
    return (this.#parts as Collection<ContentRecord<object>>).at(identity, id);
  }

  #createdBefore(key: LifecycleKey, before: Whole<S, C>, created: Whole<S, C>): Created<V> {
    if (this.declared.isSame(before, created))
      return { record: this.declared.view(key, before, this.now()), duplicate: true };
    throw new StateError("IDEMPOTENCY_CONFLICT", "something else was asked for under this id", {
      details: { change: 0 },
    });
  }

  #contentCell({ identity, id }: LifecycleKey): Cell<ContentRecord<C>> {
    return this.#contents.at(identity, id);
  }

  /** Turns an error about too many bytes into INVALID_RECORD of the large field. Returns any other error unchanged. */
  #nameLargeField(error: unknown, content: C): unknown {
    if (!isStateError(error, "INVALID_RECORD")) return error;
    const { field, rule } = error.details;
    const { largeFields = [] } = this.declared.given;
    if ((field !== "bytes" && field !== "value") || largeFields.length === 0) return error;
    const half = sizeOf(content) / 2;
    const largeField = largeFields.find((name) => sizeOf(content[name]) > half);
    return largeField === undefined
      ? error
      : invalid(largeField, `smaller: with the rest of the ${this.declared.contentName}, ${rule}`);
  }
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? "");
}
