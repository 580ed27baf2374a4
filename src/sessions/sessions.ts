import { removeAbandoned } from "../content/abandoned.js";
import { type CleanupOptions, readCleanup } from "../content/cleanup-options.js";
import type {
  CallOptions,
  MaintenanceScope,
  SaveReceipt,
  SessionIdentity,
  StateStore,
} from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { copySession } from "../typed/cell.js";
import { findCell, type UpdateOptions } from "../typed/cell-operations.js";
import { InputReader } from "../typed/input-reader.js";
import type { NewEntry } from "../typed/journal.js";
import type { AppendReceipt } from "../typed/journal-append.js";
import type { TrimRange } from "../typed/journal-trim.js";
import type { JsonInputOf } from "../typed/json-value.js";
import type { UserData } from "../typed/moving/user-data.js";
import { readScopedId } from "../typed/names.js";
import { type Operation, perform } from "../typed/operation.js";
import { mapInSlices } from "../typed/slices.js";
import { readClock } from "../typed/time.js";
import { Unit } from "../typed/together/unit.js";
import { readDate, readNamed, readOptions, readSignal } from "../validation/validate.js";
import { countSessions } from "./counting.js";
import { Creations } from "./creation.js";
import { Deletions } from "./deletions.js";
import { beingDeletedOf, isDamage } from "./errors.js";
import { usualText } from "./event-text.js";
import { exportSession } from "./exporting.js";
import { exportOwned } from "./exporting-owned.js";
import { MetadataFields } from "./fields.js";
import { Fillings } from "./fillings.js";
import { type FollowOptions, followSession, type SessionFollow } from "./follow.js";
import { forgetSessions, USER_STATE } from "./forgetting.js";
import { Forks } from "./fork.js";
import { type AppendEventsOptions, History, type ReadEvent, type ReadEventsOptions } from "./history.js";
import { HistoryEdits } from "./history-edits.js";
import { importSession, readLines } from "./importing.js";
import { SessionsInUnit } from "./in-unit.js";
import { EVENT_CONTENT, LargeEvents } from "./large-events.js";
import { ListPages, type PlacedSession } from "./list-page.js";
import {
  type CountSessionsOptions,
  cursorAt,
  type DamagedSession,
  type ListSessionsOptions,
  type MarkedSessionPage,
  type MarkingListOptions,
  type PageQuery,
  readCountQuery,
  readPageQuery,
  type SessionPage,
} from "./listing.js";
import { MetadataCodec } from "./metadata.js";
import { movingSessions } from "./moving.js";
import { listOldSessions } from "./old-sessions.js";
import { eventList, SessionOperations } from "./operations.js";
import type {
  CreateOptions,
  CreateReceipt,
  DeleteSessionOptions,
  ForkSessionOptions,
  ImportSessionOptions,
  MetadataInputOf,
  SessionsOptions,
} from "./options.js";
import { overviewOf, type SessionOverview } from "./overview.js";
import {
  isTenant,
  type NewSessionIdentity,
  newOwner,
  readUser,
  readUserOrTenant,
  type TenantRef,
  type UserRef,
} from "./owners.js";
import { type Reindexed, type ReindexOptions, reindexSessions } from "./reindexing.js";
import { type RepairOptions, repairSession } from "./repairing.js";
import type { RedactOptions, Replacement } from "./replacing.js";
import { isPinned, retainSessions } from "./retaining.js";
import type { RewriteOptions, RewriteReceipt } from "./rewriting.js";
import { readSearchOptions, type SearchPage, type SearchSessionsOptions, SessionSearch } from "./search.js";
import type { Session } from "./session.js";
import type { SessionEvent } from "./session-event.js";
import { sessionCell } from "./session-record.js";
import { SessionRecords } from "./session-records.js";
import { SessionTexts } from "./session-texts.js";
import { StateMap } from "./state-map.js";
import { StateValues } from "./state-values.js";
import { type NewSummary, type SaveSummaryOptions, Summaries, type Summary } from "./summaries.js";
import type { TakeBackOptions, Truncated, TruncateRange } from "./taking-back.js";

/**
 * The sessions of users, with their events, summaries and state.
 *
 * Every method rejects with NOT_FOUND where there is no such session, unless its comment says otherwise, and with the
 * errors of the store. An identity that names a run is INVALID_RECORD.
 */
export class Sessions<M, E, MetadataInput = MetadataInputOf<M>, EventInput = JsonInputOf<E>> {
  readonly #store: StateStore;
  readonly #inputs: InputReader;
  readonly #metadata: MetadataCodec<M, MetadataInput>;
  readonly #operations: SessionOperations<M, E, MetadataInput, EventInput>;
  readonly #records: SessionRecords;
  readonly #fields: MetadataFields;
  readonly #pages: ListPages;
  readonly #deletions: Deletions;
  readonly #creations: Creations;
  readonly #fillings: Fillings;
  readonly #forks: Forks;
  readonly #large: LargeEvents;
  readonly #history: History<E, EventInput>;
  readonly #edits: HistoryEdits<E, EventInput>;
  readonly #summaries: Summaries;
  readonly #search: SessionSearch;
  readonly #textOf: (event: unknown) => string;

  /** @internal */
  constructor(store: StateStore, options: SessionsOptions<M, E, MetadataInput, EventInput>) {
    readNamed(options, "options", [
      "metadata",
      "events",
      "redact",
      "clock",
      "fields",
      "maxJsonBytes",
      "search",
    ]);
    this.#store = store;
    this.#inputs = new InputReader(options, "sessions");
    this.#metadata = new MetadataCodec(options, this.#inputs);
    this.#fields = new MetadataFields(options);
    this.#records = new SessionRecords(store, readClock(options), this.#fields);
    this.#pages = new ListPages(store, this.#records);
    this.#deletions = new Deletions(store, this.#records);
    this.#large = new LargeEvents(store, () => this.#records.now(), options);
    this.#history = new History(store, this.#records, this.#large, { ...options, inputs: this.#inputs });
    this.#fillings = new Fillings(store, this.#records, this.#deletions);
    this.#creations = new Creations(store, this.#records, this.#deletions, this.#fillings);
    this.#forks = new Forks(store, this.#records, this.#history, this.#fillings, this.#large);
    this.#edits = new HistoryEdits(store, this.#records, this.#history, this.#large, this.#inputs);
    this.#summaries = new Summaries(store, this.#records, this.#history, this.#inputs);
    const search = readSearchOptions(options);
    this.#textOf = search.textOf ?? usualText;
    const texts = new SessionTexts(store, this.#history, this.#metadata, search);
    this.#search = new SessionSearch(store, texts, search);
    this.#operations = new SessionOperations({
      store,
      metadata: this.#metadata,
      records: this.#records,
      creations: this.#creations,
      history: this.#history,
      edits: this.#edits,
      summaries: this.#summaries,
      inputs: this.#inputs,
    });
    Object.freeze(this);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): SessionsInUnit<M, E, MetadataInput, EventInput> {
    return new SessionsInUnit(Unit.check(unit, this.#store), this.#operations, {
      session: (identity) => this.#operations.stateOf(copySession(identity)),
      user: (user) => this.#userValues(user),
      tenant: (tenant) => this.#tenantValues(tenant),
    });
  }

  /**
   * Creates an open session. ALREADY_EXISTS when another call created a session of this name. IDEMPOTENCY_CONFLICT when
   * this `eventId` created it with other metadata. NOT_FOUND when this `eventId` created it and it was deleted since,
   * within the store's idempotency window. While a session of this name is being deleted, the call waits about 2 seconds
   * and then rejects with UNAVAILABLE (`busy`).
   */
  async create(
    identity: NewSessionIdentity,
    options: CreateOptions<MetadataInput> = {},
  ): Promise<CreateReceipt<M>> {
    const { signal: _, ...how } = {
      ...readNamed(options, "options", ["metadata", "eventId", "signal"]),
    } as typeof options;
    const signal = readSignal(options);
    const requested = await this.#operations.readNew(identity, how);
    const { session, duplicate } = await this.#creations.create({ ...requested, signal });
    return { session: await this.#operations.view(requested.owner, session), duplicate };
  }

  /** The session. NOT_FOUND, CORRUPT. */
  async get(identity: SessionIdentity, options?: CallOptions): Promise<Session<M>> {
    const owner = copySession(identity);
    return this.#operations.view(owner, await this.#records.load(owner, options));
  }

  /** The session, or `undefined`. CORRUPT. */
  async find(identity: SessionIdentity, options?: CallOptions): Promise<Session<M> | undefined> {
    const owner = copySession(identity);
    const session = await this.#records.find(owner, options);
    return session && this.#operations.view(owner, session);
  }

  /** How many events the session has, and the first text of a person in them. NOT_FOUND, CORRUPT. */
  async overview(identity: SessionIdentity, options?: CallOptions): Promise<SessionOverview> {
    const { signal } = readOptions(options, ["signal"]) as CallOptions;
    readSignal({ ...options });
    const owner = copySession(identity);
    return overviewOf(this.#store, this.#history, owner, { textOf: this.#textOf, signal });
  }

  /**
   * A page of the sessions of a user, or of a tenant (`{ tenant }`), the one touched last first unless the options say otherwise. Across pages, a session
   * that is not changed meanwhile appears exactly once. With `order: "oldest"` one that is touched meanwhile may come again
   * at the end. A page is one snapshot; one that leaves sessions out, or reads more because sessions of the same moment are
   * many, may come from several. The call also finishes deletions that a crash interrupted, and removes sessions from the
   * list that were erased through the store. The first list by `lastEventAt` of a user takes longer if versions before 0.5
   * wrote sessions: it gives them their places.
   */
  async list(who: UserRef | TenantRef, options: MarkingListOptions): Promise<MarkedSessionPage<M>>;
  async list(who: UserRef | TenantRef, options?: ListSessionsOptions): Promise<SessionPage<M>>;
  async list(who: UserRef | TenantRef, options?: ListSessionsOptions): Promise<MarkedSessionPage<M>> {
    const owner = readUserOrTenant(who);
    const query = readPageQuery(options, this.#fields, isTenant(owner));
    if (!isTenant(owner)) {
      if (query.orderBy === "lastEventAt" || query.status === "closed")
        await listOldSessions(this.#store, this.#records, owner, query);
      await Promise.all([
        this.#deletions.finishOverdueOf(owner, query.signal),
        this.#fillings.dropOf(owner, "abandoned", query),
      ]);
    }
    const placed = await this.#pages.read(owner, query);
    const page = placed.slice(0, query.limit);
    const shown = await mapInSlices(page, (session) => this.#show(session, query));
    const last = placed.length > query.limit ? page.at(-1) : undefined;
    const isInPinned = query.pinned === "first" && last?.activity?.pinnedAt !== undefined;
    return {
      sessions: shown.filter((session) => session !== undefined),
      ...(last && { next: cursorAt(last.position, isInPinned) }),
    };
  }

  /**
   * How many sessions a user or a tenant (`{ tenant }`) has, exactly as a list of these options would show. Costs what it
   * counts at most: of a user's sessions, with a `status`, a value of a field or both, no entry is read. With several fields,
   * or `pinned: false`, it reads the entries of those that it leaves out too.
   */
  async count(who: UserRef | TenantRef, options?: CountSessionsOptions): Promise<number> {
    const owner = readUserOrTenant(who);
    const query = readCountQuery(options, this.#fields);
    if (!isTenant(owner) && query.status !== undefined)
      await listOldSessions(this.#store, this.#records, owner, { ...query, marksDamage: false });
    return countSessions(this.#store, owner, query);
  }

  /**
   * Lists sessions by the fields that are declared now, also those that were created before; call it again with `next` until
   * there is none. What was done stays done. Is no touch. For sessions that versions before 0.5 wrote last, it also gives
   * them their places in the lists of a tenant by `lastEventAt`, and of its closed sessions.
   */
  async reindex(who: UserRef | TenantRef, options?: ReindexOptions): Promise<Reindexed> {
    return reindexSessions(this.#store, this.#records, readUserOrTenant(who), options);
  }

  /**
   * Makes a session of which a list says that it is damaged readable again, with its events. `metadata` takes the place of
   * what does not decode. Where the bounds of the events are lost, those that are stored are there: events that were trimmed
   * a moment before may be among them. Does nothing to a session that is whole. NOT_FOUND, SCHEMA_TOO_NEW; INVALID_RECORD
   * where metadata are needed and none are given.
   */
  async repair(identity: SessionIdentity, options: RepairOptions<MetadataInput> = {}): Promise<Session<M>> {
    const owner = copySession(identity);
    readNamed(options, "options", ["metadata", "signal"]);
    const signal = readSignal(options);
    const metadata =
      "metadata" in options ? await this.#metadata.write(options.metadata as MetadataInput) : undefined;
    await repairSession(this.#store, this.#records, owner, { metadata, signal });
    return this.get(owner, { signal });
  }

  /**
   * The sessions of a user in whose title or events words of a query are found, ranked by BM25. It sees every event that was
   * acknowledged before the call, whatever process wrote, edited or removed it. The first search of a user in a process reads
   * the user's sessions; later ones read what has changed. `notSearched` says what was damaged, or beyond what is held in
   * memory.
   */
  async search(user: UserRef, query: string, options?: SearchSessionsOptions): Promise<SearchPage<M>> {
    const owner = readUser(user);
    const signal = options?.signal;
    return this.#search.search(owner, query, options, (session) =>
      this.#findShown({ tenant: owner.tenant, user: owner.user, session }, signal),
    );
  }

  /** Moves the session up in the list. SESSION_CLOSED. */
  async touch(identity: SessionIdentity, options?: CallOptions): Promise<Session<M>> {
    return this.#perform(this.#operations.touch(identity), readOptions(options, ["signal"]));
  }

  /**
   * Replaces the metadata by the value that `change` returns, atomically; also of a closed session. `change` is called
   * again when another writer was faster. UNAVAILABLE (`busy`) when others were faster on every attempt. `change` must
   * call no other method of the same session (INVALID_RECORD). Other writers of the session in this process wait while it
   * runs, so do slow work before the call.
   */
  async changeMetadata(
    identity: SessionIdentity,
    change: (current: M) => MetadataInput | Promise<MetadataInput>,
    options?: UpdateOptions,
  ): Promise<Session<M>> {
    const given = readOptions(options, ["signal", "attempts"]);
    return this.#perform(this.#operations.changeMetadata(identity, change), given);
  }

  /** Closes the session: it then refuses events, touches and state. Does nothing if it is closed. */
  async close(identity: SessionIdentity, options?: CallOptions): Promise<Session<M>> {
    return this.#perform(this.#operations.close(identity), readOptions(options, ["signal"]));
  }

  /** Opens a closed session again. Does nothing if it is open. */
  async reopen(identity: SessionIdentity, options?: CallOptions): Promise<Session<M>> {
    return this.#perform(this.#operations.reopen(identity), readOptions(options, ["signal"]));
  }

  /** Pins the session, also a closed one: `list` can show it first. Does nothing if it is pinned. Is no touch. */
  async pin(identity: SessionIdentity, options?: CallOptions): Promise<Session<M>> {
    return this.#perform(this.#operations.pin(identity), readOptions(options, ["signal"]));
  }

  /** Takes the pin away. Does nothing if it is not pinned. Is no touch. */
  async unpin(identity: SessionIdentity, options?: CallOptions): Promise<Session<M>> {
    return this.#perform(this.#operations.unpin(identity), readOptions(options, ["signal"]));
  }

  /**
   * Deletes the session with everything that is stored under its identity, whatever wrote it, and its place in the list,
   * in one commit, however many records there are. Returns whether there was a session. What is written under the identity
   * before that commit goes with it, what is written later stays. UNAVAILABLE: nothing was deleted. OUTCOME_UNKNOWN: the
   * session may be deleted; delete it again. A session of the same name that is created since is not deleted by this call.
   *
   * With `ifIdleSince` the session stays, and the result is `false`, if it was touched since: also while the call is under way.
   */
  async delete(identity: SessionIdentity, options: DeleteSessionOptions = {}): Promise<boolean> {
    const given = readOptions(options, ["signal", "ifIdleSince"]) as DeleteSessionOptions;
    const signal = readSignal(given);
    const owner = copySession(identity);
    if ("ifIdleSince" in given) {
      const since = readDate(given.ifIdleSince, "ifIdleSince");
      return this.#deletions.delete(owner, signal, ({ updatedAt }) => updatedAt < since);
    }
    if (await this.#deletions.delete(owner, signal)) return true;
    await this.#fillings.drop(owner, { signal });
    return false;
  }

  /**
   * Deletes all sessions of a user, each as `delete` does, and the user's state. Returns how many sessions. Afterwards no
   * record of this wrapper names the user. After an interruption, call it again: it goes on. A session that is created
   * meanwhile may stay. UNAVAILABLE (`busy`) if a process of version 0.2 began a deletion within the last minute.
   */
  async forgetUser(user: UserRef, options?: CallOptions): Promise<number> {
    const { signal } = readOptions(options, ["signal"]) as CallOptions;
    const owner = readUser(user);
    this.#search.forget(owner);
    return forgetSessions(this.#store, this.#records, this.#deletions, owner, signal);
  }

  /**
   * Removes what calls that were cut off have left of large events, in all sessions of a scope, once nobody has gone on with it
   * for a while. It is found by an index of its own. Returns how many were removed; call it again if that is the `limit`.
   * MAINTENANCE_SCOPE_REQUIRED.
   */
  async cleanup(scope: MaintenanceScope, options?: CleanupOptions): Promise<number> {
    const now = () => this.#records.now();
    return removeAbandoned(this.#store, scope, EVENT_CONTENT, now, readCleanup(options));
  }

  /** The sessions as they take part when a user is forgotten, moved or exported, and in retention. */
  get userData(): UserData {
    const refuse = async (user: UserRef, signal: AbortSignal | undefined) => {
      if (await this.#deletions.areUnderWay(readUser(user), signal)) throw beingDeletedOf();
    };
    return {
      name: "sessions",
      forgetUser: (user, options) => this.forgetUser(user, options),
      ...movingSessions(this.#records),
      retain: (scope, options) =>
        retainSessions({ store: this.#store, records: this.#records }, scope, options),
      exportOf: (owner, options) => exportOwned(owner, (session) => this.export(session, options)),
      exportedKinds: ["session", "session."],
      isKept: (owner, { signal }) => isPinned(this.#records, owner, signal),
      checkMove: ({ tenant, from }, { signal }) => refuse({ tenant, user: from }, signal),
    };
  }

  /**
   * Appends one event, or an array of 1 to 200, all or none, with consecutive numbers, and touches the session in the
   * same commit. Events with an `id` are appended once: the same call again is a duplicate; an id with another value is
   * IDEMPOTENCY_CONFLICT, and so is the id of an event that was edited since. SESSION_CLOSED and, with `expect`,
   * CONDITION_FAILED, except for a duplicate whose events are stored.
   */
  async append(
    identity: SessionIdentity,
    events: NewEntry<EventInput> | readonly NewEntry<EventInput>[],
    options?: AppendEventsOptions,
  ): Promise<AppendReceipt> {
    return this.#history.append(copySession(identity), eventList(events), options);
  }

  /**
   * The events from a number on, in one snapshot (with a `limit`, numbers that were taken back may make it several). CORRUPT
   * where one is missing or does not decode; with `damaged: "mark"`, a `DamagedEvent` stands in its place.
   */
  async read(
    identity: SessionIdentity,
    options: ReadEventsOptions & { readonly damaged: "mark" },
  ): Promise<ReadEvent<E>[]>;
  async read(identity: SessionIdentity, options?: ReadEventsOptions): Promise<SessionEvent<E>[]>;
  async read(identity: SessionIdentity, options?: ReadEventsOptions): Promise<ReadEvent<E>[]> {
    return this.#history.read(copySession(identity), options);
  }

  /**
   * Follows the events of a session from a number on, whatever process writes them: those that there are, then each as it is
   * appended, and what becomes of those that were told (`changed`, `truncated`, `trimmed`). For a page that was reloaded in the
   * middle of a stream. It holds no more than 16 events for a reader that is slow, and of an event that changes again and
   * again tells the latest state.
   *
   * The loop ends when it is left, when the signal aborts and when the store is closed, and after `deleted`. It goes on after
   * UNAVAILABLE. It rejects with NOT_FOUND where there is no session, and with CORRUPT at an event that cannot be read, unless
   * `damaged` is `"mark"`. INVALID_RECORD is thrown at the call.
   */
  follow(identity: SessionIdentity, options?: FollowOptions): SessionFollow<E> {
    const owner = copySession(identity);
    const followed = { store: this.#store, records: this.#records, history: this.#history, owner };
    return followSession(followed, options);
  }

  /**
   * Puts another value in the place of an event's, which keeps its number, its id and its time: a message that grows while it
   * is streamed, or the repair of an event that is damaged or missing. With an `eventId`, a repeated call is a duplicate, also
   * after a later replacement; without one, the last call counts. NOT_FOUND where there is no such event, SESSION_CLOSED,
   * IDEMPOTENCY_CONFLICT, INVALID_RECORD for an event that was redacted.
   */
  async replace(
    identity: SessionIdentity,
    replacement: Replacement<EventInput>,
    options?: CallOptions,
  ): Promise<SaveReceipt> {
    return this.#edits.replace(copySession(identity), replacement, options);
  }

  /**
   * Removes the content of one event, also a damaged one, and also of a closed session. Its number, its id and its time stay,
   * with who removed the content, why and when; a late retry of its append is IDEMPOTENCY_CONFLICT. Does nothing if the event is
   * redacted. NOT_FOUND where there is no such event. Summaries are values of yours: save those anew that tell of it.
   */
  async redact(identity: SessionIdentity, number: number, options: RedactOptions): Promise<void> {
    return this.#edits.redact(copySession(identity), number, options);
  }

  /**
   * Takes the events after a number back, with the summaries that cover any of them. Their numbers are not given again. One
   * commit takes 1,000 numbers, the last ones first; if the session goes on before the next, the call is refused with
   * CONDITION_FAILED, and the events that are left stay. Without `expect`, it also takes what was appended since the caller
   * read. SESSION_CLOSED, CONDITION_FAILED.
   */
  async truncate(
    identity: SessionIdentity,
    range: TruncateRange,
    options?: TakeBackOptions,
  ): Promise<Truncated> {
    return this.#edits.truncate(copySession(identity), range, options);
  }

  /**
   * Takes the last `count` events back (1 to 200, default 1) as `truncate` does, in one commit, and returns them in their
   * order; fewer where there are fewer. The same call again takes further events: pass `expect`, and it is refused.
   * SESSION_CLOSED, CONDITION_FAILED, CORRUPT where one of them does not decode (`truncate` takes it back).
   */
  async pop(identity: SessionIdentity, count = 1, options?: TakeBackOptions): Promise<SessionEvent<E>[]> {
    return this.#edits.pop(copySession(identity), count, options);
  }

  /**
   * Puts up to 2,000 events in the place of the whole history, in one commit. They get numbers of their own, after those there
   * were, and the old events are trimmed. An event with the id of an old one keeps that id and the time at which it was
   * appended; one that was redacted stays redacted. Other ids are new ones, as those of `append`. Without `expect`, events
   * that were appended since the caller read are lost. SESSION_CLOSED, CONDITION_FAILED, IDEMPOTENCY_CONFLICT.
   */
  async rewrite(
    identity: SessionIdentity,
    events: readonly NewEntry<EventInput>[],
    options?: RewriteOptions,
  ): Promise<RewriteReceipt> {
    return this.#edits.rewrite(copySession(identity), events, options);
  }

  /**
   * Removes the events up to a number, or all but the last `keep` (a number as `range`). Returns how many records it
   * removed. Readers see all of the events or none. After an interruption, call it again: it goes on. `upTo` beyond the
   * last event is INVALID_RECORD.
   *
   * The last `keep` events are counted when the call begins, so events appended since the caller's last read count too,
   * and unread ones may be removed later. To remove the events that a summary covers, pass `upTo`, or save the summary
   * with `trim`.
   */
  async trim(identity: SessionIdentity, range: TrimRange | number, options?: CallOptions): Promise<number> {
    return this.#history.trim(copySession(identity), range, options);
  }

  /**
   * Saves a summary of the events up to a number, and replaces a summary up to the same number. `upTo` beyond the last
   * event is INVALID_RECORD. An `eventId` makes it idempotent; with another value or number it is IDEMPOTENCY_CONFLICT.
   * With `trim`, the same commit removes the events that the summary covers.
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

  /**
   * Copies a session to a new one, which is open: its events with their numbers, ids, times and edits, the summaries that cover
   * no event after `upTo`, the state and the metadata, as they were together at one moment. The source stays as it is. Readers
   * see the copy when it is whole. `to` is of the same tenant.
   *
   * The same call again is a duplicate, and goes on after an interruption, if `to` names a session or there is an `eventId`. What
   * nobody goes on with is removed by a `list` of that user a day later, and by `delete` at once. ALREADY_EXISTS where there is
   * another session of that name, or it is being made. IDEMPOTENCY_CONFLICT if the `eventId` made another. INVALID_RECORD if
   * `upTo` is the number of no event. NOT_FOUND, also for a fork that was deleted since. UNAVAILABLE (`busy`) if the source
   * changes all the time.
   */
  async fork(
    identity: SessionIdentity,
    to: NewSessionIdentity,
    options?: ForkSessionOptions<MetadataInput>,
  ): Promise<CreateReceipt<M>> {
    const fork = await this.#operations.readFork(identity, to, options);
    const { session, duplicate } = await this.#forks.fork(fork);
    return { session: await this.#operations.view(fork.owner, session), duplicate };
  }

  /**
   * The session in lines of JSON, without ends of lines: a header, the session, its events, summaries and state, with numbers, ids
   * and times, and values as their codecs wrote them; the page on sessions describes them. It takes memory for some mebibytes,
   * whatever the size. A damaged event is a line that says so; other damage is CORRUPT.
   *
   * All of it is of one moment. UNAVAILABLE (`busy`) in the place of the last line if the session was edited or trimmed, or its
   * summaries, state or metadata changed: then export it again. Events that are appended meanwhile are left out. INVALID_RECORD
   * is thrown at the call.
   */
  export(identity: SessionIdentity, options?: CallOptions): AsyncGenerator<string, void, undefined> {
    const source = copySession(identity);
    const { signal } = readOptions(options, ["signal"]) as CallOptions;
    readSignal({ ...options });
    return exportSession({
      store: this.#store,
      records: this.#records,
      history: this.#history,
      source,
      signal,
    });
  }

  /**
   * Makes a session of the lines of an export, in any tenant, with the numbers, ids, times and edits of the other. An end of line
   * at the end of a line is ignored, and so are empty lines. Readers see the session when the last line was read.
   *
   * The same lines again are a duplicate, and go on after an interruption, if `to` names a session or there is an `eventId`;
   * other lines are IDEMPOTENCY_CONFLICT. INVALID_RECORD for a line that no export has, with its number in `details.line`, and
   * SCHEMA_TOO_NEW for an event of a newer release: nothing is left then. ALREADY_EXISTS where there is another session of that
   * name, or it is being made. NOT_FOUND for a session that this `eventId` made, and that was deleted since.
   */
  async import(
    to: NewSessionIdentity,
    lines: Iterable<string> | AsyncIterable<string>,
    options: ImportSessionOptions = {},
  ): Promise<CreateReceipt<M>> {
    const { eventId: given } = { ...readNamed(options, "options", ["eventId", "signal"]) } as typeof options;
    const signal = readSignal(options);
    const eventId = "eventId" in options ? readScopedId(given, "eventId") : undefined;
    const owner = newOwner(to, eventId);
    const { session, duplicate } = await importSession(
      {
        store: this.#store,
        records: this.#records,
        metadata: this.#metadata,
        journal: this.#history.journal,
        fillings: this.#fillings,
        large: this.#large,
        inputs: this.#inputs,
      },
      { owner, lines: readLines(lines), ...(eventId !== undefined && { eventId }), signal },
    );
    return { session: await this.#operations.view(owner, session), duplicate };
  }

  /** The state of a session. It is deleted with the session. Throws INVALID_RECORD for a wrong identity. */
  sessionState(identity: SessionIdentity): StateMap {
    return new StateMap(this.#store, this.#operations.stateOf(copySession(identity)));
  }

  /** The state of a user, shared by all sessions. Throws if a name is wrong. */
  userState(user: UserRef): StateMap {
    return new StateMap(this.#store, this.#userValues(user));
  }

  /** The state of a tenant, shared by all users. Throws if the name is wrong. */
  tenantState(tenant: string): StateMap {
    return new StateMap(this.#store, this.#tenantValues(tenant));
  }

  /** A session of a list; `undefined` if it was deleted since. */
  async #show(
    { entry: { session, slot }, activity, damage }: PlacedSession,
    { marksDamage, signal }: PageQuery,
  ): Promise<Session<M> | DamagedSession | undefined> {
    const { tenant, user } = slot.identity;
    const owner = { tenant, user, session };
    if (activity === undefined) return damage && { identity: owner, damage };
    try {
      const record = (await findCell(this.#store, sessionCell(owner), { signal }))?.value;
      if (record?.createdAt !== activity.createdAt) return undefined;
      return await this.#operations.view(owner, { record, activity });
    } catch (error) {
      if (!marksDamage || !isDamage(error)) throw error;
      return { identity: owner, damage: error };
    }
  }

  /** The session; `undefined` if there is none, or it is damaged. */
  async #findShown(owner: SessionIdentity, signal: AbortSignal | undefined): Promise<Session<M> | undefined> {
    try {
      const found = await this.#records.find(owner, { signal });
      return found && (await this.#operations.view(owner, found));
    } catch (error) {
      if (isDamage(error)) return undefined;
      throw error;
    }
  }

  #userValues(user: UserRef): StateValues {
    return new StateValues(this.#store, readUser(user), USER_STATE, this.#inputs);
  }

  #tenantValues(tenant: string): StateValues {
    return new StateValues(this.#store, tenantIdentity(tenant), "tenant.state", this.#inputs);
  }

  async #perform<R>(operation: Operation<R>, options: UpdateOptions): Promise<R> {
    return (await perform(this.#store, operation, options)).result;
  }
}
