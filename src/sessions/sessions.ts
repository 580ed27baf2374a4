import type { CallOptions, SaveReceipt, SessionIdentity, StateStore } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { newEventId } from "../process/event-id.js";
import { copySession } from "../typed/cell.js";
import type { UpdateOptions } from "../typed/cell-operations.js";
import type { AppendReceipt, Entry, NewEntry, ReadOptions } from "../typed/journal.js";
import type { TrimRange } from "../typed/journal-trim.js";
import type { JsonInputOf } from "../typed/json-value.js";
import { digestOf, readScopedId } from "../typed/names.js";
import { mapInSlices } from "../typed/slices.js";
import { readClock } from "../typed/time.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import { readNamed, readOptions, readSignal } from "../validation/validate.js";
import { Creations } from "./creation.js";
import { Deletions } from "./deletions.js";
import { forgetSessions, USER_STATE } from "./forgetting.js";
import { History } from "./history.js";
import { type ListSessionsOptions, readPage, readPageQuery, type SessionPage } from "./listing.js";
import { MetadataCodec } from "./metadata.js";
import type { CreateOptions, CreateReceipt, MetadataInputOf, SessionsOptions } from "./options.js";
import { type NewSessionIdentity, readNewIdentity, readUser, type UserRef } from "./owners.js";
import { type Session, sessionOf } from "./session.js";
import { indexCell } from "./session-index.js";
import type { SessionRecord } from "./session-record.js";
import { SessionRecords, sessionCell } from "./session-records.js";
import { StateMap } from "./state-map.js";
import { type NewSummary, type SaveSummaryOptions, Summaries, type Summary } from "./summaries.js";

/**
 * The sessions of users, with their events, summaries and state.
 *
 * Every method rejects with NOT_FOUND where there is no such session, unless it says otherwise, and with what the store
 * rejects with. A session's identity names no run: INVALID_RECORD.
 */
export class Sessions<M, E, MetadataInput = MetadataInputOf<M>, EventInput = JsonInputOf<E>> {
  readonly #store: StateStore;
  readonly #metadata: MetadataCodec<M, MetadataInput>;
  readonly #records: SessionRecords;
  readonly #deletions: Deletions;
  readonly #creations: Creations;
  readonly #history: History<E, EventInput>;
  readonly #summaries: Summaries;

  /** @internal */
  constructor(store: StateStore, options: SessionsOptions<M, E, MetadataInput, EventInput>) {
    readNamed(options, "options", ["metadata", "events", "clock"]);
    this.#store = store;
    this.#metadata = new MetadataCodec(options);
    this.#records = new SessionRecords(store, readClock(options));
    this.#deletions = new Deletions(store, this.#records);
    this.#creations = new Creations(store, this.#records, this.#deletions);
    this.#history = new History(store, this.#records, options);
    this.#summaries = new Summaries(store, this.#records, this.#history);
    Object.freeze(this);
  }

  /**
   * Creates a session, open. ALREADY_EXISTS when there is one that another call created; IDEMPOTENCY_CONFLICT when this
   * `eventId` created it with other metadata; NOT_FOUND when this `eventId` created it and it was deleted since, for the
   * store's idempotency window. While a session of this name is being deleted, it waits about 2 seconds, and is then
   * UNAVAILABLE (`busy`).
   */
  async create(
    identity: NewSessionIdentity,
    options: CreateOptions<MetadataInput> = {},
  ): Promise<CreateReceipt<M>> {
    const signal = readSignal(readNamed(options, "options", ["metadata", "eventId", "signal"]));
    const eventId = "eventId" in options ? readScopedId(options.eventId, "eventId") : undefined;
    const session = eventId === undefined ? newEventId() : digestOf("session", identity?.user, eventId);
    const owner = copySession({ session, ...readNewIdentity(identity) });
    const metadata = await this.#metadata.write(
      "metadata" in options ? (options.metadata as MetadataInput) : ({} as MetadataInput),
    );
    const requested = { owner, metadata, signal, ...(eventId !== undefined && { eventId }) };
    const { record, duplicate } = await this.#creations.create(requested);
    return { session: await this.#view(owner, record), duplicate };
  }

  /** The session. NOT_FOUND, CORRUPT. */
  async get(identity: SessionIdentity, options?: CallOptions): Promise<Session<M>> {
    const owner = copySession(identity);
    return this.#view(owner, await this.#records.load(owner, options));
  }

  /** The session, or `undefined`. CORRUPT. */
  async find(identity: SessionIdentity, options?: CallOptions): Promise<Session<M> | undefined> {
    const owner = copySession(identity);
    const record = await this.#records.find(owner, options);
    return record && this.#view(owner, record);
  }

  /**
   * The sessions of a user, the one touched last first. Paging on neither repeats nor loses a session that is not
   * touched meanwhile. A page is one snapshot, but where some are left out it may be several. Finishes deletions that
   * crashed, and forgets sessions that were erased through the store.
   */
  async list(user: UserRef, options?: ListSessionsOptions): Promise<SessionPage<M>> {
    const owner = readUser(user);
    const query = readPageQuery(options);
    const [entries] = await Promise.all([
      readPage(this.#store, owner, query),
      this.#deletions.finishOverdueOf(owner, query.signal),
    ]);
    const page = entries.slice(0, query.limit);
    const sessions = await mapInSlices(page, ({ session, record }) => {
      const identity = { tenant: owner.tenant, user: owner.user, session };
      return sessionOf(this.#metadata, identity, record, indexCell(identity, record.updatedAt));
    });
    const last = entries.length > query.limit ? page.at(-1) : undefined;
    return { sessions, ...(last && { next: last.cursor }) };
  }

  /** Moves the session up in the list. SESSION_CLOSED. */
  async touch(identity: SessionIdentity, options?: CallOptions): Promise<Session<M>> {
    return this.#change(identity, readOptions(options, ["signal"]), (transaction, owner) =>
      this.#records.touch(transaction, owner),
    );
  }

  /**
   * Writes what `change` makes of the metadata, with nobody else's write in between; also of a closed session. It is
   * called again when another writer was faster. UNAVAILABLE (`busy`) when others were faster each time. `change` must
   * call no other method of the same session (INVALID_RECORD). Other writers of the session in this process wait while it
   * runs: what is slow is done before.
   */
  async changeMetadata(
    identity: SessionIdentity,
    change: (current: M) => MetadataInput | Promise<MetadataInput>,
    options?: UpdateOptions,
  ): Promise<Session<M>> {
    const given = readOptions(options, ["signal", "attempts"]);
    return this.#change(identity, given, async (transaction, owner) => {
      const record = await this.#records.get(transaction, owner);
      const current = await this.#metadata.read(record.metadata, sessionCell(owner));
      const metadata = await this.#metadata.write(await change(current));
      return this.#records.replace(transaction, owner, record, () => ({ ...record, metadata }));
    });
  }

  /** Closes the session: it takes no events, no touch and no state any more. One that is closed stays as it is. */
  async close(identity: SessionIdentity, options?: CallOptions): Promise<Session<M>> {
    return this.#change(identity, readOptions(options, ["signal"]), async (transaction, owner) => {
      const record = await this.#records.get(transaction, owner);
      if (record.closedAt !== undefined) return record;
      return this.#records.replace(transaction, owner, record, (closedAt) => ({ ...record, closedAt }));
    });
  }

  /** Opens a closed session again. One that is open stays as it is. */
  async reopen(identity: SessionIdentity, options?: CallOptions): Promise<Session<M>> {
    return this.#change(identity, readOptions(options, ["signal"]), async (transaction, owner) => {
      const record = await this.#records.get(transaction, owner);
      if (record.closedAt === undefined) return record;
      const { closedAt: _, ...open } = record;
      return this.#records.replace(transaction, owner, record, () => open);
    });
  }

  /**
   * Deletes the session with everything that is stored under its identity, whatever wrote it; whether there was one. It
   * is gone for everybody at once, and erased when this returns. After a crash in between, the erasing is finished by a
   * later `list`, `create` or `delete`, a minute after the crash at the earliest; a `delete` before that returns false.
   * UNAVAILABLE and OUTCOME_UNKNOWN say that this may be so: where the answer to the erasing was lost, the session is
   * gone for everybody and the erasing is finished later, in the same way. What other code writes under the identity
   * while the session is deleted is erased or stays.
   */
  async delete(identity: SessionIdentity, options?: CallOptions): Promise<boolean> {
    const { signal } = readOptions(options, ["signal"]) as CallOptions;
    return this.#deletions.delete(copySession(identity), signal);
  }

  /**
   * Deletes all sessions of a user, each as `delete` does, and the user's state; how many sessions. Nothing that this
   * wrapper stored names the user any more. Interrupted, it may be called again, and goes on; a session that is created
   * meanwhile may stay. UNAVAILABLE (`busy`) while a deletion that crashed within the last minute holds its session's
   * name.
   */
  async forgetUser(user: UserRef, options?: CallOptions): Promise<number> {
    const { signal } = readOptions(options, ["signal"]) as CallOptions;
    return forgetSessions(this.#store, this.#deletions, readUser(user), signal);
  }

  /**
   * Appends one event or 1 to 200, all or none, with numbers that follow one another, and touches the session in the
   * same commit. Events with an `id` are appended once: sent again they are a duplicate, with another value
   * IDEMPOTENCY_CONFLICT. SESSION_CLOSED, but for a duplicate whose events are there.
   */
  async append(
    identity: SessionIdentity,
    events: NewEntry<EventInput> | readonly NewEntry<EventInput>[],
    options?: CallOptions,
  ): Promise<AppendReceipt> {
    const list = Array.isArray(events) ? events : [events];
    return this.#history.append(copySession(identity), list, options);
  }

  /** The events from a number on, in one snapshot. CORRUPT where one is missing or does not decode. */
  async read(identity: SessionIdentity, options?: ReadOptions): Promise<Entry<E>[]> {
    return this.#history.read(copySession(identity), options);
  }

  /**
   * Removes the events up to a number, or all but the last `keep`; how many records it removed. For readers they are
   * gone at once. Interrupted, it may be called again, and goes on. `upTo` beyond the last event is INVALID_RECORD.
   *
   * The last `keep` are counted when it begins: what was appended since the caller last read pushes out what it read.
   * Whoever has summarized the events says `upTo`, or saves the summary with `trim`.
   */
  async trim(identity: SessionIdentity, range: TrimRange | number, options?: CallOptions): Promise<number> {
    return this.#history.trim(copySession(identity), range, options);
  }

  /**
   * Keeps a summary of the events up to a number, in place of one up to the same number. `upTo` beyond the last event is
   * INVALID_RECORD. With an `eventId` it happens once; with another value, or number, it is IDEMPOTENCY_CONFLICT. With
   * `trim`, the events that it covers are gone for readers with the same commit.
   */
  async saveSummary(
    identity: SessionIdentity,
    summary: NewSummary,
    options?: SaveSummaryOptions,
  ): Promise<SaveReceipt> {
    return this.#summaries.save(copySession(identity), summary, options);
  }

  /** The summary that covers the most events, or `undefined`. */
  async latestSummary(identity: SessionIdentity, options?: CallOptions): Promise<Summary | undefined> {
    return this.#summaries.latest(copySession(identity), options);
  }

  /** All summaries, the one that covers the fewest events first. */
  async summaries(identity: SessionIdentity, options?: CallOptions): Promise<Summary[]> {
    return this.#summaries.all(copySession(identity), options);
  }

  /** The state of a session, which goes with it. Throws what is wrong with the identity. */
  sessionState(identity: SessionIdentity): StateMap {
    const owner = copySession(identity);
    return new StateMap(this.#store, owner, "session.state", {
      turn: sessionCell(owner),
      read: async (signal) => void (await this.#records.load(owner, { signal })),
      write: async (transaction) => void (await this.#records.getOpen(transaction, owner)),
    });
  }

  /** The state of a user, whatever the session. Throws what is wrong with the names. */
  userState(user: UserRef): StateMap {
    return new StateMap(this.#store, readUser(user), USER_STATE);
  }

  /** The state of a tenant, whatever the user. Throws what is wrong with the name. */
  tenantState(tenant: string): StateMap {
    return new StateMap(this.#store, tenantIdentity(tenant), "tenant.state");
  }

  async #change(
    identity: SessionIdentity,
    options: UpdateOptions,
    work: (transaction: Transaction, owner: SessionIdentity) => Promise<SessionRecord>,
  ): Promise<Session<M>> {
    const owner = copySession(identity);
    const run = async (transaction: Transaction) => this.#view(owner, await work(transaction, owner));
    return transact(this.#store, run, { ...options, turn: sessionCell(owner) });
  }

  #view(owner: SessionIdentity, record: SessionRecord): Promise<Session<M>> {
    return sessionOf(this.#metadata, owner, record, sessionCell(owner));
  }
}
