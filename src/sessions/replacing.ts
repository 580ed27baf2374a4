import { changedMeanwhile } from "../contract/changed-meanwhile.js";
import { invalid, isStateError } from "../contract/errors.js";
import type { CallOptions, EventId, SaveReceipt, SessionIdentity, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { type Cell, cellKey, type SeenRecord } from "../typed/cell.js";
import type { CombinableOperation } from "../typed/combined/perform-combined.js";
import type { InputReader } from "../typed/input-reader.js";
import type { Journal } from "../typed/journal.js";
import { EMPTY_HEAD } from "../typed/journal-bounds.js";
import {
  type EntryHeader,
  NO_CONTENT,
  type StoredEntry,
  type Written,
  writeEdited,
} from "../typed/journal-entry.js";
import { KnownRecords, payloadBytesOf } from "../typed/known-records.js";
import { readScopedId } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import { Transaction } from "../typed/transaction.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import { editLogCell, NO_EDITS, withChange } from "./edit-log.js";
import { noEvent } from "./errors.js";
import type { LargeEvents } from "./large-events.js";
import { headCell } from "./session-head.js";
import type { SessionRecords } from "./session-records.js";

/** A value that takes the place of another. */
export interface Replacement<Input> {
  /** The number of the event. */
  readonly number: number;
  /** Its new value. */
  readonly value: Input;
  /** Makes the replacement idempotent: it then never undoes a later one. 1 to 105 UTF-8 bytes. */
  readonly eventId?: EventId;
}

/** Whose content is removed, and why. */
export interface RedactOptions extends CallOptions {
  /** Who removes it, 1 to 512 UTF-8 bytes. */
  readonly by: string;
  /** Why, up to 16 KiB. */
  readonly reason: string;
}

/** An event as an edit finds it. */
interface Found {
  readonly header: Pick<EntryHeader, "id" | "at">;
  readonly isRedacted: boolean;
  /** A value may lie elsewhere: it does, or the record does not say. */
  readonly mayBeLarge: boolean;
}

/** Writes events again, under the number that they have. */
export class Replacing<E, Input> {
  readonly #store: StateStore;
  readonly #records: SessionRecords;
  readonly #journal: Journal<E, Input>;
  readonly #large: LargeEvents;
  readonly #inputs: InputReader;
  readonly #known = new KnownRecords(payloadBytesOf);

  constructor(
    store: StateStore,
    records: SessionRecords,
    journal: Journal<E, Input>,
    large: LargeEvents,
    inputs: InputReader,
  ) {
    this.#inputs = inputs;
    this.#store = store;
    this.#records = records;
    this.#journal = journal;
    this.#large = large;
  }

  /** NOT_FOUND, SESSION_CLOSED, INVALID_RECORD for an event that is redacted. */
  async replace(
    owner: SessionIdentity,
    replacement: Replacement<Input>,
    signal?: AbortSignal,
  ): Promise<CombinableOperation<SaveReceipt>> {
    const given = {
      ...readNamed(replacement, "replacement", ["number", "value", "eventId"]),
    } as typeof replacement;
    const number = readNumber(given.number);
    const id = "eventId" in given ? readScopedId(given.eventId, "eventId") : undefined;
    const encoded = await this.#journal.encode(given.value);
    const digest = await this.#large.digestEdited(encoded.bytes);
    const value = digest === undefined ? encoded : { ...NO_CONTENT, version: encoded.version };
    const elsewhere = digest && { elsewhere: digest };
    const eventId = id && this.#journal.places.eventId(owner, id, "edit");
    const receipt = (duplicate: boolean) => ({ eventId: id ?? newEventId(), duplicate });
    const entry = this.#journal.places.entry(owner, number);
    // A message that grows is replaced again and again. What the last time wrote need not be read.
    const cells = [headCell(owner), editLogCell(owner), entry];
    const writtenOver = ({ header }: Found) =>
      writeEdited({ ...header, replaced: true, ...elsewhere }, value);
    const recall = async (transaction: Transaction) => {
      if (eventId === undefined) return undefined;
      const { bytes, version } = await writtenOver(await this.#find(transaction, owner, number));
      const cell = this.#journal.places.entry(owner, number, version);
      return (await transaction.isKnown(cell, bytes, eventId)) ? receipt(true) : undefined;
    };
    const isLarge = digest !== undefined;
    // The value of a call that comes again is not stored again.
    const isKnown = isLarge && (await this.#recalled(recall, signal)) !== undefined;
    const kept = isLarge && !isKnown ? await this.#large.keep(owner, encoded.bytes, { signal }) : undefined;
    return {
      ...(kept && { clear: () => kept.clear() }),
      turn: headCell(owner),
      repeatable: id !== undefined,
      reads: [headCell(owner), editLogCell(owner)],
      peeks: [entry],
      overwrites: entry,
      // What lies elsewhere has a record that says where, and one of an upload; and so had the value before.
      writes: isLarge ? 4 : 1,
      bytes: value.bytes.byteLength,
      ids: eventId === undefined ? [] : [eventId],
      assume: (transaction) => this.#assume(transaction, cells, entry),
      apply: async (transaction) => {
        const { head } = await this.#records.getOpen(transaction, owner);
        const found = await this.#find(transaction, owner, number);
        if (found.isRedacted) throw invalid("number", "the number of an event that is not redacted");
        if (isLarge && kept === undefined) {
          const earlier = await recall(transaction);
          if (earlier === undefined) throw changedMeanwhile();
          return earlier;
        }
        if (head.hasLarge && found.mayBeLarge) await this.#large.hide(transaction, owner, number);
        if (isLarge && !head.hasLarge) await transaction.set(headCell(owner), { ...head, hasLarge: true });
        await kept?.show(transaction, number);
        await this.#write(transaction, owner, number, await writtenOver(found), eventId);
        if (found.header.at !== undefined)
          transaction.afterCommit(() => this.#remember(transaction, cells, entry));
        return receipt(false);
      },
      recall: async (transaction) => {
        const earlier = await recall(transaction);
        if (earlier !== undefined && kept !== undefined) transaction.afterCommit(() => kept.clear());
        return earlier;
      },
    };
  }

  /** NOT_FOUND. Does nothing if the event is redacted. */
  redact(owner: SessionIdentity, number: number, why: Omit<RedactOptions, "signal">): Operation<void> {
    readNumber(number);
    const { by, reason } = { ...readNamed(why, "options", ["by", "reason"]) } as typeof why;
    const redacted = { by: readKind(by, "by"), reason: this.#inputs.longText(reason, "reason") };
    return {
      turn: headCell(owner),
      repeatable: true,
      apply: async (transaction) => {
        const { head } = await this.#records.get(transaction, owner);
        const { header, isRedacted, mayBeLarge } = await this.#find(transaction, owner, number);
        if (isRedacted) return;
        if (head.hasLarge && mayBeLarge) await this.#large.hide(transaction, owner, number);
        await this.#write(transaction, owner, number, await writeEdited({ ...header, redacted }, NO_CONTENT));
      },
    };
  }

  /** What an earlier call answered, before there is a commit. NOT_FOUND is for the commit to say: a unit may append the event. */
  async #recalled(
    recall: (transaction: Transaction) => Promise<SaveReceipt | undefined>,
    signal: AbortSignal | undefined,
  ): Promise<SaveReceipt | undefined> {
    return recall(new Transaction(this.#store, signal)).catch((error) => {
      if (isStateError(error, "NOT_FOUND")) return undefined;
      throw error;
    });
  }

  #assume(transaction: Transaction, cells: readonly Cell<unknown, never>[], entry: Cell<unknown>): void {
    const known = this.#known.take(cellKey(entry));
    for (const [index, record] of known?.entries() ?? [])
      transaction.assume(cells[index] as Cell<unknown, never>, record);
  }

  /** Where it is open, and the event not redacted, by what was committed. Of events without a time that is not known. */
  async #remember(
    transaction: Transaction,
    cells: readonly Cell<unknown, never>[],
    entry: Cell<unknown>,
  ): Promise<void> {
    const records = await Promise.all(cells.map((cell) => transaction.recordOf(cell)));
    const known = records.filter((record) => record !== undefined);
    if (known.length === cells.length) this.#known.put(cellKey(entry), known);
  }

  async #write(
    transaction: Transaction,
    owner: SessionIdentity,
    number: number,
    { bytes, version }: Written,
    eventId?: EventId,
  ): Promise<void> {
    const log = editLogCell(owner);
    await transaction.set(log, withChange((await transaction.get(log)) ?? NO_EDITS, number));
    await transaction.set(this.#journal.places.entry(owner, number, version), bytes, eventId);
  }

  /** The event of a number, also where it does not decode or its record is gone. NOT_FOUND. */
  async #find(transaction: Transaction, owner: SessionIdentity, number: number): Promise<Found> {
    const { places } = this.#journal;
    const { first, next } = (await transaction.peek(places.head(owner))) ?? EMPTY_HEAD;
    if (number < first || number >= next) throw noEvent();
    const cell = places.entry(owner, number);
    const record = await transaction.getRecord(cell).catch((error) => {
      if (isStateError(error, "CORRUPT")) return this.#withoutBytes(owner, number);
      throw error;
    });
    if (record === undefined) return this.#findMissing(transaction, owner, number);
    const entry = await this.#read(record);
    if (entry?.is === "removed") throw noEvent();
    const at = entry?.at ?? record.updatedAt;
    const id = entry?.id ?? places.idOf(record);
    const mayBeLarge = entry === undefined || (entry.is === "value" && entry.elsewhere !== undefined);
    return {
      header: { id, ...(isKnown(at) && { at: at.getTime() }) },
      isRedacted: entry?.is === "redacted",
      mayBeLarge,
    };
  }

  /** `undefined` where the record does not decode. */
  async #read(record: SeenRecord): Promise<StoredEntry | undefined> {
    try {
      return await this.#journal.places.read({ ...record, updatedAt: record.updatedAt ?? UNKNOWN });
    } catch (error) {
      if (isStateError(error, "CORRUPT")) return undefined;
      throw error;
    }
  }

  /** What the store knows of a record whose bytes it refuses to return. */
  async #withoutBytes(owner: SessionIdentity, number: number): Promise<SeenRecord | undefined> {
    const kind = this.#journal.places.kind(number);
    const [header] = await this.#store.list(owner, kind, { limit: 1, bytes: false });
    return header?.kind === kind ? { ...header, bytes: NO_CONTENT.bytes } : undefined;
  }

  /** A record is missing because its number was taken back, or because of damage. */
  async #findMissing(transaction: Transaction, owner: SessionIdentity, number: number): Promise<Found> {
    const { places } = this.#journal;
    // A trim meanwhile would never remove what is written below its end.
    const { first } = (await transaction.get(places.head(owner))) ?? EMPTY_HEAD;
    if (number < first) throw noEvent();
    const [above] = await this.#store.list(owner, places.prefix, { after: places.kind(number), limit: 1 });
    const entry = above && (await this.#read(above));
    if (entry?.is === "removed" && entry.from <= number) throw noEvent();
    return { header: { id: newEventId() }, isRedacted: false, mayBeLarge: true };
  }
}

/** The time of an event that this transaction appends. */
const UNKNOWN = new Date(Number.NaN);

function isKnown(at: Date | undefined): at is Date {
  return at !== undefined && !Number.isNaN(at.getTime());
}

function readNumber(value: unknown): number {
  return readInteger(value, "number", 1, Number.MAX_SAFE_INTEGER);
}
