import { invalid } from "../contract/errors.js";
import type { CallOptions, EventId, SessionIdentity, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import type { Journal, NewEntry } from "../typed/journal.js";
import type { AppendReceipt } from "../typed/journal-append.js";
import { EMPTY_HEAD } from "../typed/journal-bounds.js";
import type { KeptValue, ValueDigest } from "../typed/journal-elsewhere.js";
import {
  NO_CONTENT,
  type RedactedEntry,
  type ValueEntry,
  type Written,
  writeEdited,
} from "../typed/journal-entry.js";
import { readStored } from "../typed/journal-read.js";
import { readScopedId } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import type { Transaction } from "../typed/transaction.js";
import { readNamed } from "../validation/validate.js";
import { editLogCell, NO_EDITS } from "./edit-log.js";
import type { LargeEvents } from "./large-events.js";
import { type ExpectOptions, endOfHistory, readExpectedNumber, requireLast } from "./last-event.js";
import { headCell } from "./session-head.js";
import type { SessionRecords } from "./session-records.js";

/** How a history is written anew. */
export interface RewriteOptions extends CallOptions, ExpectOptions {}

export interface HowToRewrite {
  readonly options: Omit<RewriteOptions, "signal"> | undefined;
  /** Removes the records of old events that the commit had no room for. */
  readonly sweep: () => Promise<void>;
  readonly signal: AbortSignal | undefined;
}

/** The numbers of the events that a history was written anew with. */
export type RewriteReceipt = Pick<AppendReceipt, "numbers">;

/** They have to fit into one commit. */
const MAX_EVENTS = 2000;
/** Each of these is two changes more. */
const MAX_LARGE = 500;
/** How many events are read at once to find those that keep their ids. */
const PAGE = 500;

type OldEvent = ValueEntry | RedactedEntry;

/** An event of the new history, encoded. */
interface Encoded {
  readonly id: EventId | undefined;
  readonly value: Written;
  /** Which value it is, if that lies elsewhere. */
  readonly elsewhere?: ValueDigest;
  readonly kept?: KeptValue;
}

/**
 * Writes the history of a session anew, in one commit: the new events get the numbers after those there were, and the old ones
 * are trimmed. One that comes with the id of an old event keeps its id and the time at which it was appended.
 */
export class Rewriting<E, Input> {
  readonly #store: StateStore;
  readonly #records: SessionRecords;
  readonly #journal: Journal<E, Input>;
  readonly #large: LargeEvents;

  constructor(store: StateStore, records: SessionRecords, journal: Journal<E, Input>, large: LargeEvents) {
    this.#store = store;
    this.#records = records;
    this.#journal = journal;
    this.#large = large;
  }

  async rewrite(
    owner: SessionIdentity,
    events: readonly NewEntry<Input>[],
    { options = {}, sweep, signal }: HowToRewrite,
  ): Promise<Operation<RewriteReceipt>> {
    const given = readEvents(events);
    const expect = readExpectedNumber(readNamed(options, "options", ["expect"]));
    const values = await Promise.all(
      given.map(async ({ id, value }) => ({ id, value: await this.#journal.encode(value) })),
    );
    const encoded = await this.#keepLarge(owner, values, signal);
    const kept = encoded.flatMap((event) => event.kept ?? []);
    return {
      ...(kept.length > 0 && { clear: () => clearAll(kept) }),
      turn: headCell(owner),
      repeatable: false,
      apply: async (transaction) => {
        await this.#records.getOpen(transaction, owner);
        const end = await endOfHistory(transaction, this.#journal.places, owner);
        requireLast(owner, end, expect);
        // Edits since the ids were looked up make this attempt fail.
        const log = editLogCell(owner);
        await transaction.set(log, (await transaction.get(log)) ?? NO_EDITS);
        const old = await this.#findOld(owner, encoded, signal);
        if (!(await this.#trimAll(transaction, owner))) transaction.afterCommit(sweep);
        const numbers = await this.#append(transaction, owner, encoded, old);
        return { numbers };
      },
    };
  }

  /** Stores the values that records have no room for. */
  async #keepLarge(
    owner: SessionIdentity,
    events: readonly Encoded[],
    signal: AbortSignal | undefined,
  ): Promise<readonly Encoded[]> {
    const digests = await Promise.all(events.map(({ value }) => this.#large.digestEdited(value.bytes)));
    const count = digests.filter((digest) => digest !== undefined).length;
    if (count === 0) return events;
    if (count > MAX_LARGE) throw invalid("events", `an array with at most ${MAX_LARGE} large events`);
    const kept: KeptValue[] = [];
    const encoded: Encoded[] = [];
    try {
      for (const [index, event] of events.entries()) {
        const elsewhere = digests[index];
        if (elsewhere === undefined) encoded.push(event);
        else {
          const value = await this.#large.keep(owner, event.value.bytes, { signal });
          kept.push(value);
          encoded.push({
            id: event.id,
            value: { ...NO_CONTENT, version: event.value.version },
            elsewhere,
            kept: value,
          });
        }
      }
      return encoded;
    } catch (error) {
      await clearAll(kept);
      throw error;
    }
  }

  /** Returns whether no record of the old events is left. */
  async #trimAll(transaction: Transaction, owner: SessionIdentity): Promise<boolean> {
    const { first, next } = (await transaction.get(this.#journal.places.head(owner))) ?? EMPTY_HEAD;
    if (first === next) return true;
    return (await this.#journal.trimIn(transaction, owner, { upTo: next - 1 })).isDone;
  }

  async #append(
    transaction: Transaction,
    owner: SessionIdentity,
    encoded: readonly Encoded[],
    old: ReadonlyMap<EventId, OldEvent>,
  ): Promise<number[]> {
    const { places } = this.#journal;
    const head = await this.#records.advance(transaction, owner);
    const numbers = encoded.map((_, index) => head.next + index);
    for (const [index, event] of encoded.entries()) {
      const number = numbers[index] as number;
      const { id = newEventId(), value, elsewhere, kept: stored } = event;
      const before = old.get(id);
      const kept = await writeKept(before, value, elsewhere);
      const { bytes, version } = kept ?? (elsewhere ? await writeEdited({ id, elsewhere }, value) : value);
      const cell = places.entry(owner, number, version);
      transaction.create(cell, bytes, kept ? newEventId() : places.eventId(owner, id));
      // The value of one that stays redacted is not used.
      if (before?.is !== "redacted") await stored?.show(transaction, number);
      else if (stored !== undefined) transaction.afterCommit(() => stored.clear());
    }
    const hasLarge = encoded.some(({ elsewhere }) => elsewhere !== undefined);
    const next = head.next + encoded.length;
    await transaction.set(places.head(owner), { ...head, next, ...(hasLarge && { hasLarge }) });
    return numbers;
  }

  /** The old events whose ids these have. The last ones are looked at first. */
  async #findOld(
    owner: SessionIdentity,
    encoded: readonly Encoded[],
    signal: AbortSignal | undefined,
  ): Promise<Map<EventId, OldEvent>> {
    const wanted = new Set(encoded.flatMap(({ id }) => (id === undefined ? [] : [id])));
    const old = new Map<EventId, OldEvent>();
    for (let from: number | undefined; wanted.size > 0; ) {
      const page = { owner, from, limit: PAGE, reverse: true, signal, marksDamage: true };
      const found = await readStored(this.#store, this.#journal.places, page);
      for (const entry of found) {
        if (entry.is !== "damaged" && wanted.delete(entry.id)) old.set(entry.id, entry);
      }
      const last = found.at(-1);
      if (last === undefined || found.length < PAGE) break;
      from = (last.is === "damaged" ? last.from : last.number) - 1;
      if (from < 1) break;
    }
    return old;
  }
}

/** An event whose content was removed stays so: whoever rewrites may have read it before. */
async function writeKept(
  old: OldEvent | undefined,
  value: Written,
  elsewhere: ValueDigest | undefined,
): Promise<Written | undefined> {
  if (old === undefined) return undefined;
  const header = { id: old.id, at: old.at.getTime() };
  if (old.is === "value") return writeEdited({ ...header, ...(elsewhere && { elsewhere }) }, value);
  const { by, reason, at } = old.redacted;
  return writeEdited({ ...header, redacted: { by, reason, at: at.getTime() } }, NO_CONTENT);
}

async function clearAll(kept: readonly KeptValue[]): Promise<void> {
  for (const value of kept) await value.clear();
}

function readEvents<Input>(events: readonly NewEntry<Input>[]): NewEntry<Input>[] {
  if (!Array.isArray(events) || events.length > MAX_EVENTS)
    throw invalid("events", `an array of up to ${MAX_EVENTS} events`);
  const read = Array.from(events, (event) => {
    const { value, ...given } = readNamed(event, "events", ["id", "value"]) as NewEntry<Input>;
    return "id" in given ? { id: readScopedId(given.id, "id"), value } : { value };
  });
  const ids = read.flatMap(({ id }) => (id === undefined ? [] : [id]));
  if (new Set(ids).size < ids.length) throw invalid("id", "different for each event");
  return read;
}
