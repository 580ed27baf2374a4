import { changedAllTheTime } from "../content/outdated.js";
import { isStateError } from "../contract/errors.js";
import type {
  CallOptions,
  Change,
  EventId,
  Identity,
  RecordKey,
  SessionIdentity,
  StateStore,
} from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { jitteredPause } from "../timing/backoff.js";
import { sleep } from "../timing/real-timers.js";
import type { Cell } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { Journal } from "../typed/journal.js";
import type { JsonValue } from "../typed/json-value.js";
import { itemPrefix } from "../typed/names.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import type { Activity } from "./activity.js";
import type { Deletions } from "./deletions.js";
import { editLogCell, NO_EDITS } from "./edit-log.js";
import { beingDeleted, canRetryLater, noSession, sessionExists } from "./errors.js";
import { FilledByAnother, Filling, type StoredMark } from "./filling.js";
import { FILLINGS, type FillingMark, listedFillingCell, listedOwner, markCell } from "./filling-mark.js";
import { LARGE_PREFIXES, LargeEvents } from "./large-events.js";
import { EVENTS, headCell, SESSION_HEAD, type SessionHead } from "./session-head.js";
import { type SessionRecord, sessionCell } from "./session-record.js";
import type { SessionRecords, StoredSession } from "./session-records.js";
import { SESSION_STATE } from "./state-values.js";
import { SUMMARIES } from "./summary-place.js";

/** A session to fill. */
export interface NewFilling {
  readonly owner: SessionIdentity;
  /** What fills it: a filling of this source is gone on with. */
  readonly source: string;
  /** Where a new filling begins. */
  readonly start: () => Promise<Pick<FillingMark, "position" | "proof" | "about">>;
  readonly refusesSameIds: boolean;
  readonly signal: AbortSignal | undefined;
}

/** What appears once a session is whole. */
export interface WholeSession {
  readonly record: SessionRecord;
  readonly head: Omit<SessionHead, "activity">;
  readonly activity: Omit<Activity, "listedAt">;
  readonly hasEdits: boolean;
}

const BACKOFF = { baseMs: 5, mostMs: 200, random: Math.random };
const MAX_ATTEMPTS = 30;
/** A filling that nobody goes on with for so long, or for the idempotency window if that is longer, is removed. */
const ABANDONED_AFTER_MS = 86_400_000;
const PAGE_SIZE = 100;

/** Sessions that are being filled by forks and imports. Each appears in the one commit that ends its filling. */
export class Fillings {
  readonly #store: StateStore;
  readonly #records: SessionRecords;
  readonly #deletions: Deletions;
  readonly #journal: Journal<JsonValue>;
  readonly #large: LargeEvents;

  constructor(store: StateStore, records: SessionRecords, deletions: Deletions) {
    this.#store = store;
    this.#records = records;
    this.#deletions = deletions;
    // The places of records do not depend on the codec of events.
    this.#large = new LargeEvents(store, () => records.now());
    this.#journal = Journal.withHead(store, EVENTS, SESSION_HEAD, {}, this.#large);
  }

  /** Begins a filling, or finds the one of an earlier call. Returns the session if there is one. ALREADY_EXISTS. */
  async begin(wanted: NewFilling): Promise<Filling | StoredSession> {
    const { owner, source, signal } = wanted;
    for (let attempt = 1; ; attempt++) {
      const session = await this.#records.find(owner, { signal });
      if (session !== undefined) return session;
      const found = await findCell(this.#store, markCell(owner), { signal });
      if (found !== undefined && found.value.source === source)
        return this.#filling(wanted, { mark: found.value, eventId: found.eventId });
      if (found !== undefined && !this.#isAbandoned(found.value)) throw sessionExists();
      const begun = await this.#begin(wanted, found?.eventId ?? null);
      if (begun !== undefined) return begun;
      if (attempt === MAX_ATTEMPTS) throw changedAllTheTime();
      await sleep(jitteredPause(attempt, BACKOFF), signal);
    }
  }

  /** The same session from the beginning. Throws `FilledByAnother`. */
  async again(wanted: NewFilling, filling: Filling): Promise<Filling> {
    const begun = await this.#begin(wanted, filling.stored.eventId);
    if (begun === undefined) throw new FilledByAnother();
    return begun;
  }

  /** Makes the session appear. Throws `FilledByAnother`. NOT_FOUND if the call that creates it has created it before, and it was deleted since. */
  async end(
    filling: Filling,
    owner: SessionIdentity,
    whole: WholeSession,
    signal?: AbortSignal,
  ): Promise<StoredSession> {
    await filling.flush();
    const { record, activity, hasEdits } = whole;
    const hasLarge = await this.#large.hasAny(owner, { signal });
    const head = { ...whole.head, ...(hasLarge && { hasLarge }) };
    const ending = transact(
      this.#store,
      async (transaction) => {
        const mark = await transaction.getRecord(markCell(owner));
        if (mark?.eventId !== filling.stored.eventId) throw new FilledByAnother();
        transaction.delete(markCell(owner));
        transaction.delete(listedFillingCell(owner));
        if (hasEdits) await transaction.set(editLogCell(owner), NO_EDITS);
        return this.#records.appear(transaction, owner, record, { ...head, activity });
      },
      { signal, turn: headCell(owner), repeatable: true },
    );
    const session = await ending.catch(async (error) => {
      // It was ended between the reads of the mark and of the session.
      if (isStateError(error, "ALREADY_EXISTS")) throw new FilledByAnother();
      if (!isStateError(error, "IDEMPOTENCY_CONFLICT")) throw error;
      // The store knows the id of the creation: another call was faster, or the session was deleted since.
      if ((await this.#records.find(owner)) !== undefined) throw new FilledByAnother();
      await this.drop(owner, {}, filling.mark);
      throw noSession();
    });
    if (head.unswept !== undefined) await this.#sweep(owner, signal);
    return session;
  }

  /** Whether a session of this name is being filled. The read is a condition of the transaction. */
  async isUnderWay(transaction: Transaction, owner: SessionIdentity): Promise<"abandoned" | boolean> {
    const mark = await transaction.get(markCell(owner));
    return mark !== undefined && (this.#isAbandoned(mark) ? "abandoned" : true);
  }

  /** Removes what was filled so far. Does nothing if there is no such filling. */
  async drop(
    owner: SessionIdentity,
    options: CallOptions = {},
    which?: Pick<FillingMark, "fill">,
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const eventId = await this.#markOf(owner, which, options);
      if (eventId === undefined) return;
      const { identity, kind } = markCell(owner);
      const mark = { op: "delete", identity, kind, expect: eventId } as const;
      const changes = [mark, deletion(listedFillingCell(owner)), ...emptying(owner)];
      if (await this.#dropped(changes, options, attempt)) return;
      if (attempt === MAX_ATTEMPTS) throw changedAllTheTime();
      await sleep(jitteredPause(attempt, BACKOFF), options.signal);
    }
  }

  /** Removes the fillings of a user: all, or those that nobody goes on with. */
  async dropOf(user: Identity, which: "all" | "abandoned", { signal }: CallOptions): Promise<void> {
    for (let after: string | undefined; ; ) {
      const listed = await this.#store.list(user, FILLINGS, {
        after,
        limit: PAGE_SIZE,
        signal,
        bytes: false,
      });
      for (const { kind } of listed) await this.#dropListed(listedOwner(user, kind), which, { signal });
      after = listed.at(-1)?.kind;
      // Whoever lists sessions does not wait for more.
      if (listed.length < PAGE_SIZE || which === "abandoned") return;
    }
  }

  async #dropListed(owner: SessionIdentity, which: "all" | "abandoned", options: CallOptions): Promise<void> {
    if (which === "all") {
      await this.drop(owner, options);
      return this.#unlist(owner, options);
    }
    try {
      const found = await findCell(this.#store, markCell(owner), options);
      if (found === undefined) await this.#unlist(owner, options);
      else if (this.#isAbandoned(found.value)) await this.drop(owner, options, found.value);
    } catch (error) {
      // A damaged mark must not keep the other sessions from being listed.
      if (!canRetryLater(error) && !isStateError(error, "CORRUPT")) throw error;
    }
  }

  /** The event of a mark, also of a damaged one; `undefined` if there is none, or it is of another filling. */
  async #markOf(
    owner: SessionIdentity,
    which: Pick<FillingMark, "fill"> | undefined,
    options: CallOptions,
  ): Promise<EventId | undefined> {
    const cell = markCell(owner);
    if (which !== undefined) {
      const found = await findCell(this.#store, cell, options);
      return found?.value.fill === which.fill ? found.eventId : undefined;
    }
    const [header] = await this.#store.list(owner, cell.kind, { ...options, limit: 1, bytes: false });
    return header?.kind === cell.kind ? header.eventId : undefined;
  }

  /** `undefined` if others were faster. */
  async #begin(wanted: NewFilling, expect: string | null): Promise<Filling | undefined> {
    const { owner, source, start, signal } = wanted;
    const mark = { ...(await start()), source, fill: newEventId(), at: this.#records.now() };
    const saved = await saveOf(markCell(owner), mark);
    const listed = await saveOf(listedFillingCell(owner), true);
    const changes: Change[] = [
      { ...saved, expect },
      listed,
      empty(sessionCell(owner)),
      empty(this.#deletions.markCell(owner)),
      ...emptying(owner),
    ];
    if (await this.#tried(changes, { signal }))
      return this.#filling(wanted, { mark, eventId: saved.record.eventId });
    if ((await findCell(this.#store, this.#deletions.markCell(owner), { signal })) !== undefined)
      throw beingDeleted();
    return undefined;
  }

  #filling({ owner, signal, refusesSameIds }: NewFilling, stored: StoredMark): Filling {
    const { places } = this.#journal;
    const now = () => this.#records.now();
    return new Filling({ store: this.#store, places, now, owner, signal, refusesSameIds }, stored);
  }

  #isAbandoned({ at }: FillingMark): boolean {
    const after = Math.max(ABANDONED_AFTER_MS, this.#store.limits.idempotencyWindowMs);
    return this.#records.now() - at > after;
  }

  /** The record that names a session that is no longer being filled. */
  async #unlist(owner: SessionIdentity, options: CallOptions): Promise<void> {
    const listed = listedFillingCell(owner);
    if ((await findCell(this.#store, listed, options)) === undefined) return;
    await this.#tried([empty(markCell(owner)), deletion(listed)], options);
  }

  /** Returns whether the changes were made: false if a condition failed. */
  async #tried(changes: readonly Change[], { signal }: CallOptions): Promise<boolean> {
    try {
      await commitWithRetries(this.#store, changes, { signal, repeatable: true });
      return true;
    } catch (error) {
      if (isStateError(error, "CONDITION_FAILED")) return false;
      throw error;
    }
  }

  /** Deletes have no ids to send again: whoever has no answer looks whether they were made. */
  async #dropped(changes: readonly Change[], options: CallOptions, attempt: number): Promise<boolean> {
    try {
      return await this.#tried(changes, options);
    } catch (error) {
      if (!isStateError(error, "OUTCOME_UNKNOWN") || attempt === MAX_ATTEMPTS) throw error;
      return false;
    }
  }

  async #sweep(owner: SessionIdentity, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#journal.sweep(owner, { signal, turn: headCell(owner) });
    } catch (error) {
      if (!canRetryLater(error) && !signal?.aborted) throw error;
    }
  }
}

/** Removes all records of a session that a filling writes. */
function emptying(owner: SessionIdentity): Change[] {
  const prefixes = [...[EVENTS, SUMMARIES, SESSION_STATE].map(itemPrefix), ...LARGE_PREFIXES];
  return [
    ...prefixes.map((prefix) => ({ op: "erase", identity: owner, prefix }) as const),
    deletion(headCell(owner)),
    deletion(editLogCell(owner)),
  ];
}

/** Nothing may be there. */
function empty({ identity, kind }: RecordKey): Change {
  return { op: "check", identity, kind, expect: null };
}

function deletion({ identity, kind }: RecordKey): Change {
  return { op: "delete", identity, kind };
}

async function saveOf<T>({ identity, kind, codec }: Cell<T>, value: T) {
  const bytes = await codec.encode(value);
  const record = { eventId: newEventId(), identity, kind, bytes, version: codec.version };
  return { op: "save", record } as const;
}
