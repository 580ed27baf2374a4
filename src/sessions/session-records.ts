import type { CallOptions, Change, EventId, SessionIdentity, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { corruptRecord, type Stored } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { EMPTY_HEAD } from "../typed/journal-bounds.js";
import type { Clock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { readDate } from "../validation/validate.js";
import type { Activity } from "./activity.js";
import { noSession, sessionClosed, sessionExists } from "./errors.js";
import type { MetadataFields } from "./fields.js";
import { oldActivity } from "./old-activity.js";
import { headCell, type SessionHead } from "./session-head.js";
import { firstEntryCell, moveEntries, writeEntries } from "./session-lists.js";
import { creationEventId, type SessionRecord, sessionCell } from "./session-record.js";

/** A larger difference means that a clock was wrong. */
const MAX_CLOCK_SKEW_MS = 300_000;

/** How often a session that is deleted and created anew meanwhile is read. */
const MAX_READS = 3;

/** A session as it is stored, in two records. */
export interface StoredSession {
  readonly record: SessionRecord;
  readonly activity: Activity;
}

/** The head of a session that exists. */
export interface CurrentSession {
  readonly head: SessionHead;
  readonly activity: Activity;
  /** The session's record, if a version before 0.5 wrote it: whoever changes the session writes it again. */
  readonly old: SessionRecord | undefined;
}

/** What a change makes of a session: times and status from the time of the change, and perhaps another record. */
export interface SessionChange {
  readonly activity: (at: number) => Omit<Activity, "listedAt">;
  readonly record?: SessionRecord;
}

/** The records of sessions, and their entries in the lists of their users, which change in the same commit. */
export class SessionRecords {
  readonly #store: StateStore;
  readonly #clock: Clock;
  readonly #fields: MetadataFields;

  constructor(store: StateStore, clock: Clock, fields: MetadataFields) {
    this.#store = store;
    this.#clock = clock;
    this.#fields = fields;
  }

  /** Milliseconds since 1970, whole ones. */
  now(): number {
    return readDate(new Date(this.#clock()), "clock");
  }

  async find(owner: SessionIdentity, options?: CallOptions): Promise<StoredSession | undefined> {
    for (let reads = 1; ; reads++) {
      const [head, stored] = await Promise.all([
        findCell(this.#store, headCell(owner), options),
        findCell(this.#store, sessionCell(owner), options),
      ]);
      if (stored === undefined) return undefined;
      const record = stored.value;
      const activity = head?.value.activity ?? (await this.#activityOfOld(owner, head?.value, record));
      if (activity.createdAt === record.createdAt) return { record, activity };
      if (reads === MAX_READS)
        throw corruptRecord(headCell(owner), "the head of a session is that of another one");
    }
  }

  /** NOT_FOUND. */
  async load(owner: SessionIdentity, options?: CallOptions): Promise<StoredSession> {
    const found = await this.find(owner, options);
    if (found === undefined) throw noSession();
    return found;
  }

  /** NOT_FOUND. Does not read the metadata. */
  async requireExisting(owner: SessionIdentity, options?: CallOptions): Promise<void> {
    const head = await findCell(this.#store, headCell(owner), options);
    if (head?.value.activity === undefined) await this.load(owner, options);
  }

  /** The head of the session, and its record if that is old. */
  async findActivity(owner: SessionIdentity, options?: CallOptions): Promise<FoundActivity> {
    const head = await findCell(this.#store, headCell(owner), options);
    if (head?.value.activity !== undefined) return { head, activity: head.value.activity, record: undefined };
    const record = await findCell(this.#store, sessionCell(owner), options);
    const activity = record && (await this.#activityOfOld(owner, head?.value, record.value));
    return { head, activity, record };
  }

  /** The session. The read is a condition of the transaction. NOT_FOUND. */
  async get(transaction: Transaction, owner: SessionIdentity): Promise<CurrentSession> {
    const head: SessionHead = (await transaction.get(headCell(owner))) ?? EMPTY_HEAD;
    if (head.activity !== undefined) return { head, activity: head.activity, old: undefined };
    const old = await transaction.get(sessionCell(owner));
    if (old === undefined) throw noSession();
    return { head, activity: await this.#activityOfOld(owner, head, old), old };
  }

  /** The same for a session that must be open. NOT_FOUND, SESSION_CLOSED. */
  async getOpen(transaction: Transaction, owner: SessionIdentity): Promise<CurrentSession> {
    const current = await this.get(transaction, owner);
    if (current.activity.closedAt !== undefined) throw sessionClosed(current.activity.closedAt);
    return current;
  }

  /** The record of a session that was read. The read is a condition of the transaction. NOT_FOUND. */
  async getRecord(transaction: Transaction, owner: SessionIdentity): Promise<SessionRecord> {
    const record = await transaction.get(sessionCell(owner));
    if (record === undefined) throw noSession();
    return record;
  }

  /** The head of a session to which an event is appended, for the commit that does. NOT_FOUND, SESSION_CLOSED. */
  async advance(transaction: Transaction, owner: SessionIdentity): Promise<SessionHead> {
    const current = await this.getOpen(transaction, owner);
    return this.#changed(transaction, owner, current, (at) => ({
      ...current.activity,
      updatedAt: at,
      lastEventAt: at,
    }));
  }

  /**
   * Writes the changed session, and moves it in the lists. Where its record is known, as it is or as it will be, it also gets
   * its place in the lists of fields that were declared since.
   */
  async change(
    transaction: Transaction,
    owner: SessionIdentity,
    current: CurrentSession,
    { change, record }: { readonly change: SessionChange; readonly record?: SessionRecord },
  ): Promise<Activity> {
    const now = change.record ?? record;
    const activity = (at: number) =>
      now === undefined ? change.activity(at) : this.listed(change.activity(at), now);
    const head = await this.#changed(transaction, owner, current, activity);
    if (change.record !== undefined) await transaction.set(sessionCell(owner), change.record);
    await transaction.set(headCell(owner), head);
    return head.activity as Activity;
  }

  /** Writes a session that a version before 0.5 wrote last in the form of this one. Does nothing for others. */
  async upgrade(transaction: Transaction, owner: SessionIdentity): Promise<void> {
    const current = await this.get(transaction, owner);
    if (current.old === undefined) return;
    await transaction.set(
      headCell(owner),
      await this.#written(transaction, owner, current, current.activity),
    );
  }

  /**
   * Lists a session by the fields that are declared now, and no others; one that a version before 0.5 wrote, by all that it is
   * listed by now. Returns whether that was not so before.
   */
  async reindex(transaction: Transaction, owner: SessionIdentity): Promise<boolean> {
    const current = await this.get(transaction, owner);
    const record = await this.getRecord(transaction, owner);
    const keys = this.#fields.declaredKeysOf(record.metadata.value);
    const { activity, old } = current;
    if (old === undefined && (activity.fields ?? []).join() === keys.join()) return false;
    await transaction.set(
      headCell(owner),
      await this.#written(transaction, owner, current, withFields(activity, keys)),
    );
    return true;
  }

  /** Writes the entries of a session that lost its first one. Does nothing if that has only moved. */
  async restoreEntries(transaction: Transaction, owner: SessionIdentity): Promise<void> {
    const { activity, old } = await this.get(transaction, owner);
    const entry = firstEntryCell(owner, activity, old !== undefined);
    if ((await transaction.get(entry)) !== undefined) return;
    if (old !== undefined) return this.upgrade(transaction, owner);
    writeEntries(transaction, owner, activity);
  }

  /** Writes a new session. */
  async create(
    transaction: Transaction,
    owner: SessionIdentity,
    record: SessionRecord,
    eventId?: EventId,
  ): Promise<StoredSession> {
    const { createdAt } = record;
    const found: SessionHead = (await transaction.get(headCell(owner))) ?? EMPTY_HEAD;
    const now = this.listed({ createdAt, updatedAt: createdAt }, record);
    const activity = moveEntries(transaction, owner, undefined, now);
    await transaction.set(sessionCell(owner), record, eventId);
    await transaction.set(headCell(owner), { ...found, activity });
    return { record, activity };
  }

  /** Writes a session whose events are there already. ALREADY_EXISTS. */
  async appear(
    transaction: Transaction,
    owner: SessionIdentity,
    record: SessionRecord,
    { activity: now, ...bounds }: Omit<SessionHead, "activity"> & { activity: Omit<Activity, "listedAt"> },
  ): Promise<StoredSession> {
    if ((await transaction.get(sessionCell(owner))) !== undefined) throw sessionExists();
    const activity = moveEntries(transaction, owner, undefined, this.listed(now, record));
    const eventId = record.creation && creationEventId(owner, record.creation);
    await transaction.set(sessionCell(owner), record, eventId);
    await transaction.set(headCell(owner), { ...bounds, activity });
    return { record, activity };
  }

  /** The head of a session whose events are all trimmed, as a change of the head that was read. */
  async trimmedHead(owner: SessionIdentity, head: FoundActivity["head"]): Promise<Change> {
    const { identity, kind, codec } = headCell(owner);
    if (head === undefined) return { op: "check", identity, kind, expect: null };
    const { unswept: _, ...rest } = head.value;
    const bytes = await codec.encode({ ...rest, first: rest.next });
    const record = { eventId: newEventId(), identity, kind, bytes, version: codec.version };
    return { op: "save", record, expect: head.eventId };
  }

  /** The activity of a session with the fields by which it is listed. */
  listed(activity: Omit<Activity, "listedAt">, { metadata }: SessionRecord): Omit<Activity, "listedAt"> {
    return withFields(activity, this.#fields.keysOf(metadata.value, activity.fields));
  }

  async #changed(
    transaction: Transaction,
    owner: SessionIdentity,
    current: CurrentSession,
    change: SessionChange["activity"],
  ): Promise<SessionHead> {
    const at = timeAfter(current.activity.updatedAt, this.now());
    return this.#written(transaction, owner, current, change(at));
  }

  async #written(
    transaction: Transaction,
    owner: SessionIdentity,
    { head, activity: before, old }: CurrentSession,
    now: Omit<Activity, "listedAt">,
  ): Promise<SessionHead> {
    if (old !== undefined) {
      // It was in one list alone. Its record is written without the times, which are in the head from now on.
      transaction.delete(firstEntryCell(owner, before, true));
      const { old: _, ...record } = old;
      await transaction.set(sessionCell(owner), record);
    }
    return {
      ...head,
      activity: moveEntries(transaction, owner, old === undefined ? before : undefined, now),
    };
  }

  /** CORRUPT where the session's record is not that of a version before 0.5, so that the head must have the activity. */
  async #activityOfOld(
    owner: SessionIdentity,
    head: SessionHead | undefined,
    record: SessionRecord,
  ): Promise<Activity> {
    if (record.old === undefined) {
      // It may have been created after its head was read.
      const now = await findCell(this.#store, headCell(owner));
      if (now?.value.activity !== undefined) return now.value.activity;
      throw corruptRecord(headCell(owner), "the head of a session has no times");
    }
    return oldActivity(this.#store, owner, head ?? EMPTY_HEAD, record);
  }
}

function withFields(
  { fields: _, ...activity }: Omit<Activity, "listedAt">,
  keys: readonly string[],
): Omit<Activity, "listedAt"> {
  return keys.length === 0 ? activity : { ...activity, fields: keys };
}

/** What is stored of a session, apart from its metadata. */
export interface FoundActivity {
  readonly head: Stored<SessionHead> | undefined;
  /** `undefined` where there is no session. */
  readonly activity: Activity | undefined;
  /** Only read if the head says nothing. */
  readonly record: Stored<SessionRecord> | undefined;
}

/**
 * The time of a change. It does not go back, unless the previous time is so far ahead that a clock must have been wrong:
 * such a time would keep the session at the top of the list.
 */
function timeAfter(previous: number, now: number): number {
  return previous - now > MAX_CLOCK_SKEW_MS ? now : Math.max(previous, now);
}
