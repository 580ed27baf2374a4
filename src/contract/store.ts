/// <reference lib="esnext.disposable" preserve="true" />

declare global {
  /** Merges with the platform's own, so that the declarations also check without the types of the DOM and of Node. */
  interface AbortSignal {}
}

/**
 * Whose state it is. Without `run` (or with an empty one) it belongs to the whole session. Under another tenant, user, session
 * or run lies other state, however alike the names are. A name that is not listed here is INVALID_RECORD: with `run` misspelt
 * it would be the whole session's.
 */
export interface Identity {
  /** The customer or organisation: 1 to 255 UTF-8 bytes, not beginning with `~`. Take it from the login. */
  readonly tenant: string;
  /** The user within the tenant: 1 to 255 UTF-8 bytes, not beginning with `~`. */
  readonly user: string;
  /** The session within the user: 1 to 255 UTF-8 bytes, not beginning with `~`. */
  readonly session: string;
  /** The run within the session: at most 255 UTF-8 bytes; empty is the same as left out. */
  readonly run?: string;
}

/** One session, whatever the run. */
export type SessionIdentity = Omit<Identity, "run">;

/** One user, whatever the session. */
export type UserIdentity = Pick<Identity, "tenant" | "user">;

/** The caller's idempotency key for one write, normally a ULID; unique within a tenant. 1 to 128 UTF-8 bytes. */
export type EventId = string;

/** A condition on a slot: the id of the event that must be current in it, or `null` for "the slot is empty". */
export type Expect = EventId | null;

/** A record as a caller hands it over. */
export interface NewRecord {
  /** The idempotency key of this write. */
  readonly eventId: EventId;
  /** Whose record it is. */
  readonly identity: Identity;
  /** The caller's name for the content: `session.lifecycle`, `approval/01J...`. 1 to 512 UTF-8 bytes. */
  readonly kind: string;
  /**
   * Opaque to the store; copied at the call or, if the queue is full, as soon as there is room. May be empty; at most
   * `maxBytes` (1 MiB unless configured). A part of a larger buffer and a view on shared memory count for what they show.
   * Anything but a Uint8Array is INVALID_RECORD, and so is one whose buffer was detached.
   */
  readonly bytes: Uint8Array;
  /** The caller's own number, a safe integer of 0 or more; stored, returned, never compared. Default 0. */
  readonly version?: number;
  /** Years 1 to 9999, kept to the millisecond, whatever came before; set by the store when left out. */
  readonly updatedAt?: Date;
}

/** A record as the store returns it: the caller's own copy. */
export interface StateRecord {
  /** The event that made it current; `expect` takes it. */
  readonly eventId: EventId;
  /** Whose record it is. Can be used in further calls as it is. */
  readonly identity: Identity;
  /** The caller's name for the content. */
  readonly kind: string;
  /** The payload, as it was saved. */
  readonly bytes: Uint8Array;
  /** The caller's own number; 0 when none was given. */
  readonly version: number;
  /** The time that the caller gave, or the time of the save. */
  readonly updatedAt: Date;
}

/** A record without its payload, as a list with `bytes: false` returns it. */
export type RecordHeader = Omit<StateRecord, "bytes">;

/** The same options, for a list of `RecordHeader`s. */
export type WithoutBytes<O> = Omit<O, "bytes"> & {
  /** Leaves out the payloads: the store neither reads nor verifies them. */
  readonly bytes: false;
};

/** One part of a commit. */
export type Change =
  | { readonly op: "save"; readonly record: NewRecord; readonly expect?: Expect }
  | { readonly op: "delete"; readonly identity: Identity; readonly kind: string; readonly expect?: Expect }
  | { readonly op: "check"; readonly identity: Identity; readonly kind: string; readonly expect: Expect }
  /** Removes every record of one session, as `erase` does; no other change of the commit may be of that session. */
  | { readonly op: "erase"; readonly identity: SessionIdentity; readonly ownState?: boolean }
  /** Removes the records of exactly this identity whose kind begins with the prefix; no other change may be of one of them. */
  | {
      readonly op: "erase";
      readonly identity: Identity;
      readonly prefix: string;
      readonly ownState?: boolean;
    };

/** The result of a save. */
export interface SaveReceipt {
  /** The event id that was given. */
  readonly eventId: EventId;
  /** The event had been seen with the same content: nothing was written now. */
  readonly duplicate: boolean;
}

/** The result of a commit. */
export interface CommitReceipt {
  /** The commit is a replay: all its saves had been seen, and nothing was evaluated or written now. */
  readonly duplicate: boolean;
  /** One per save, in order. */
  readonly receipts: readonly SaveReceipt[];
  /**
   * Only of a commit with deletes, one per delete, in order: whether its slot held a record. Absent for a replay: the store
   * does not remember it.
   */
  readonly deleted?: readonly boolean[];
  /**
   * Only of a commit with erases, one per erase, in order: how many records it removed. Zeros for a replay: the store does
   * not remember the numbers.
   */
  readonly erased?: readonly number[];
}

/** The key of a record: an identity and a kind. */
export interface RecordKey {
  /** Whose record it is. */
  readonly identity: Identity;
  /** The record's kind. */
  readonly kind: string;
}

/** The options of every call. */
export interface CallOptions {
  /**
   * If it aborts before a write has reached the driver, the call rejects with the signal's reason, and nothing is written.
   * After that the write is carried through, and its real outcome reported. A read rejects at once. A signal may serve any
   * number of calls: none leaves a listener on it.
   */
  readonly signal?: AbortSignal | undefined;
}

/** The options of `save`. */
export interface SaveOptions extends CallOptions {
  /** Absent: unconditional. Present and `undefined`: INVALID_RECORD. */
  readonly expect?: Expect;
}

/** The options of `delete`. */
export interface DeleteOptions extends CallOptions {
  /** Absent: unconditional. Present and `undefined`: INVALID_RECORD. */
  readonly expect?: Expect;
}

/** The options of `erase`. */
export interface EraseOptions extends CallOptions {
  /**
   * Only the records of exactly the given identity, its run included, whose kind begins with this: literally, by UTF-8
   * bytes. At most 512 bytes; `""` means every kind of that identity. Absent: every run and kind of the session. Present
   * and `undefined`: INVALID_RECORD.
   */
  readonly prefix?: string;
  /**
   * Must be `true` to erase the state under `userIdentity` or `tenantIdentity`: the typed wrappers keep accounts and lists
   * there that other sessions depend on. Default false.
   */
  readonly ownState?: boolean;
}

/** Which records of an identity `count` counts. The bounds need not exist, and all of them hold. */
export interface CountOptions extends CallOptions {
  /** Only this kind and those after it. */
  readonly from?: string | undefined;
  /** Only kinds after this one. */
  readonly after?: string | undefined;
  /** Only kinds before this one. */
  readonly before?: string | undefined;
  /** 1 to 10,000. Absent: every match. */
  readonly limit?: number | undefined;
}

/** Which records of an identity `list` returns. The bounds need not exist, and all of them hold. */
export interface ListOptions extends CountOptions {
  /** Descending kind order; `limit` then counts from the end. */
  readonly reverse?: boolean;
  /** `false`: without payloads, as `WithoutBytes` says. Default true. */
  readonly bytes?: true;
}

/** Which records `listKind` returns. */
export interface ScanOptions extends CallOptions {
  /** Only records after this one: the last record seen, or its identity and kind as plain data. It need not exist any more. */
  readonly after?: RecordKey | undefined;
  /** 1 to 10,000. Absent: every match. */
  readonly limit?: number | undefined;
  /** `false`: without payloads, as `WithoutBytes` says. Default true. */
  readonly bytes?: true;
}

/** Which sessions of a user `listSessions` returns. */
export interface SessionsOptions extends CallOptions {
  /** Only sessions whose name begins with this, literally: at most 255 UTF-8 bytes. Absent or empty: all. */
  readonly prefix?: string;
  /** Only sessions after this one: the name of the last session seen. It need not exist any more. */
  readonly after?: string | undefined;
  /** 1 to 10,000. Absent: every session. */
  readonly limit?: number | undefined;
}

/** The options of `watch`. */
export interface WatchOptions {
  /** Ends the watch when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How soon a change made by another store or process shows, in milliseconds: 1 to 3,600,000. Default 100. All watches of a
   * store share one question to the driver; it is asked as often as the smallest `pollMs` says.
   */
  readonly pollMs?: number;
  /** `false`: while `next` waits for a change, the watch does not keep the process alive. Default true. */
  readonly ref?: boolean;
}

/** What a watched slot holds. */
export interface WatchedSlot extends RecordKey {
  /** The index of the slot in the list that is watched. */
  readonly place: number;
  /** The current record, the caller's own copy; `undefined` if the slot is empty. */
  readonly record: StateRecord | undefined;
}

/** A watch. Use it with `for await`; `return` ends it, and so does leaving the loop. */
export interface Watch extends AsyncIterable<WatchedSlot>, AsyncDisposable {
  /** Resolves when a slot has something new. The first call starts the watch. */
  next(): Promise<IteratorResult<WatchedSlot, undefined>>;
  /** Ends the watch, also while `next` is waiting, which then resolves with `done`. */
  return(): Promise<IteratorResult<WatchedSlot, undefined>>;
  /** The watch itself. */
  [Symbol.asyncIterator](): Watch;
}

/** How long `close` may wait. */
export interface CloseOptions {
  /** Ends the wait for accepted writes at once, as if `timeoutMs` had passed. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long accepted writes may take to finish, in milliseconds. Default 10,000. After that the driver has 10 seconds more to
   * release its resources.
   */
  readonly timeoutMs?: number;
}

/**
 * What a store accepts. Each is the most that is accepted, and more is INVALID_RECORD. Only `maxBytes` and
 * `idempotencyWindowMs` differ between the stores of this package: `openStore` takes them as options.
 */
export interface StoreLimits {
  /** Tenant, user, session and run, each, in UTF-8 bytes. */
  readonly nameBytes: number;
  /** Kind and kind prefix, in UTF-8 bytes. */
  readonly kindBytes: number;
  /** An event id, in UTF-8 bytes. */
  readonly eventIdBytes: number;
  /** The payload of a record, in bytes. */
  readonly maxBytes: number;
  /** All payloads of one commit together, in bytes. */
  readonly commitBytes: number;
  /** The changes of one commit. */
  readonly changes: number;
  /** The erases among them. */
  readonly erases: number;
  /** The slots of one watch. */
  readonly watchedSlots: number;
  /** `limit` of a list or a scan. Without it there is none. */
  readonly limit: number;
  /** The earliest `updatedAt`, in milliseconds since 1970. */
  readonly earliest: number;
  /** The latest `updatedAt`, in milliseconds since 1970. */
  readonly latest: number;
  /** How long an event id stays seen after it was saved, in milliseconds. */
  readonly idempotencyWindowMs: number;
}

/** The load of a store at this moment. */
export interface StoreStatus {
  /** Commits and their payload bytes. A save, a delete or an erase is a commit too. */
  readonly writes: {
    /** Not sent to the driver yet, those that wait for room in the queue included. */
    readonly waiting: { readonly commits: number; readonly bytes: number };
    /** Sent to the driver, and not answered. */
    readonly underWay: { readonly commits: number; readonly bytes: number };
  };
  /** Reads of slots, and pages of lists. */
  readonly reads: { readonly waiting: number; readonly underWay: number };
}

declare const maintenance: unique symbol;

/** Permits a scan across identities. Only `maintenanceScope` makes one; the store checks that it is that very object. */
export interface MaintenanceScope {
  /** Why the scan is needed, in words for an operator: 1 to 512 UTF-8 bytes. */
  readonly reason: string;
  /** The one tenant that is scanned; absent if the scope covers all tenants. */
  readonly tenant?: string;
  /** Only `maintenanceScope` makes a scope: a copy is not one. */
  readonly [maintenance]: true;
}

/**
 * A store of state, keyed on tenant, user, session, run and kind.
 *
 * - One slot (an identity and a kind) holds at most one current record.
 * - An event id stands for one write: its slot, version and bytes. Saving the same content again under it succeeds and writes
 *   nothing (`duplicate: true`), whatever `expect` is. Other content or another slot is IDEMPOTENCY_CONFLICT. The store
 *   remembers an event id while it is current, and for the idempotency window after it was saved (24 hours by default, by the
 *   database's clock), even if its record was overwritten, deleted or erased since. Of the records that an erase removed it
 *   remembers only the ids, so any retry is a duplicate. Past that, the id counts as unseen, and a write that was refused
 *   leaves its id unseen.
 * - Conditions (`expect`) hold against every other writer, conditional or not, in this process or another.
 * - Names, kinds, event ids and prefixes are literal: no case is folded, and nothing trimmed, normalised or taken for a pattern.
 *   Text with a NUL or a lone surrogate is INVALID_RECORD. Order everywhere is by UTF-8 bytes.
 * - Calls need not be awaited. Writes on one slot or under one event id take effect in the order of their calls, and an erase
 *   takes its turn among them. What was acknowledged shows in every read that begins afterwards, by whatever store on the same data.
 * - A call that fails or aborts leaves those beside it alone. However many calls one tenant makes, those of another are answered
 *   among the first.
 * - Arguments are read at the call, and what was checked is what is used: changing them later changes nothing.
 * - Bytes are copied on the way in, at the call (a call that waits for room in a full queue copies them when it gets it), and
 *   on the way out.
 * - An acknowledged write is as durable as the driver promises.
 * - An option that is present with the value `undefined` is INVALID_RECORD, so that a forgotten variable drops no condition.
 *   Only `signal`, `after`, `before`, `from` and `limit` may be `undefined`, which means none. An option that an operation
 *   does not have is INVALID_RECORD too.
 *
 * Every operation rejects with a StateError: IDENTITY_REQUIRED or INVALID_RECORD for an invalid argument, STORE_CLOSED after
 * `close`, UNAVAILABLE if nothing was written, OUTCOME_UNKNOWN if a write may or may not have happened, CORRUPT for a stored
 * record that is damaged. Each operation names its further codes.
 *
 * If the driver has a bound (`timeoutMs` of Postgres), a call has one deadline, fixed when it enters the store. Waiting in the
 * queue, every attempt and every lock count against it, and the call ends at most a second after it. A call that has waited
 * too long in the queue is UNAVAILABLE, `busy`. Each page of a long scan has a deadline of its own, and so has each piece of
 * what a large erase leaves to be removed.
 */
export interface StateStore extends AsyncDisposable {
  /**
   * What this store accepts: code that divides work into commits and pages takes its sizes from here.
   *
   * @example
   * ```ts
   * const { changes, maxBytes } = store.limits;
   * console.log(`up to ${changes} changes of up to ${maxBytes} bytes each`);
   * ```
   */
  readonly limits: StoreLimits;

  /** The calls that wait and that are under way; also after `close`. Does not call the driver, so it never blocks. */
  status?(): StoreStatus;

  /**
   * Makes the record current in its slot. IDEMPOTENCY_CONFLICT, CONDITION_FAILED.
   *
   * @example
   * ```ts
   * import { newEventId } from "groundstate";
   *
   * const record = { eventId: newEventId(), identity, kind: "note", bytes: new TextEncoder().encode("hello") };
   * await store.save(record, { expect: null }); // only into an empty slot
   * const next = { ...record, eventId: newEventId(), bytes: new TextEncoder().encode("hello again") };
   * await store.save(next, { expect: record.eventId }); // only on top of that event
   * ```
   */
  save(record: NewRecord, options?: SaveOptions): Promise<SaveReceipt>;

  /** Returns the current record of the slot. NOT_FOUND. */
  load(identity: Identity, kind: string, options?: CallOptions): Promise<StateRecord>;

  /**
   * Returns the current record of the slot, or `undefined`.
   *
   * @example
   * ```ts
   * const found = await store.find(identity, "note");
   * console.log(found === undefined ? "nothing" : new TextDecoder().decode(found.bytes));
   * ```
   */
  find(identity: Identity, kind: string, options?: CallOptions): Promise<StateRecord | undefined>;

  /**
   * Returns the record with this current event, if it belongs to the given tenant, user and session (`run` is ignored).
   * NOT_FOUND otherwise, whether or not it exists elsewhere.
   */
  loadByEventId(identity: Identity, eventId: EventId, options?: CallOptions): Promise<StateRecord>;

  /** Empties the slot. Returns whether it held a record. CONDITION_FAILED. */
  delete(identity: Identity, kind: string, options?: DeleteOptions): Promise<boolean>;

  /**
   * Applies 1 to 4,096 changes of one tenant, no two of one slot and no two saves of one event id, together or not at all. A
   * commit whose saves (at least one) are all duplicates is a replay, and writes nothing; if only some are, it is
   * IDEMPOTENCY_CONFLICT. A commit without saves is evaluated each time. Conflicts are judged before conditions, and the first
   * failing change is reported. CONDITION_FAILED.
   *
   * An erase has no condition of its own: it happens if the conditions of the other changes hold. Those must be of other
   * sessions than the erased one; the state under `userIdentity` counts as another session. An erase with a `prefix` may be
   * in one commit with other changes of its session, as long as none is of a slot that it erases. Two erases never overlap.
   * A commit has at most 256 erases.
   *
   * @example
   * ```ts
   * import { newEventId } from "groundstate";
   *
   * const note = await store.load(identity, "note");
   * const done = { eventId: newEventId(), identity, kind: "done", bytes: note.bytes };
   * await store.commit([
   *   { op: "save", record: done, expect: null },
   *   { op: "delete", identity, kind: "note", expect: note.eventId },
   * ]);
   * ```
   */
  commit(changes: readonly Change[], options?: CallOptions): Promise<CommitReceipt>;

  /**
   * The same as `list` below, without the payloads: they are not read. The key, the event id, the version and the time of a
   * record are checked for their form; damage that leaves the form right shows only where the payload is read too.
   *
   * @example
   * ```ts
   * const fromFifth = await store.list(identity, "step/", { from: "step/0005", bytes: false });
   * for (const { kind, eventId } of fromFifth) console.log(kind, eventId);
   * ```
   */
  list(identity: Identity, kindPrefix: string, options: WithoutBytes<ListOptions>): Promise<RecordHeader[]>;

  /**
   * Returns the records of exactly this identity whose kind starts with the prefix (which may be empty), by kind, from one
   * snapshot.
   *
   * @example
   * ```ts
   * const steps = await store.list(identity, "step/", { limit: 100 });
   * const more = await store.list(identity, "step/", { limit: 100, after: steps.at(-1)?.kind });
   * console.log(steps.length + more.length);
   * ```
   */
  list(identity: Identity, kindPrefix: string, options?: ListOptions): Promise<StateRecord[]>;

  /**
   * Returns exactly how many records `list` would return with these options, from one snapshot. The records themselves are
   * not read, so damage need not show.
   *
   * @example
   * ```ts
   * const steps = await store.count(identity, "step/");
   * const isLong = (await store.count(identity, "step/", { limit: 1_000 })) === 1_000;
   * console.log(steps, isLong);
   * ```
   */
  count(identity: Identity, kindPrefix: string, options?: CountOptions): Promise<number>;

  /** The same as `listKind` below, without the payloads, as `list` without them. */
  listKind(
    scope: MaintenanceScope,
    kindPrefix: string,
    options: WithoutBytes<ScanOptions>,
  ): Promise<RecordHeader[]>;

  /**
   * Returns records across identities, ordered by tenant, kind, user, session, run; the only operation that does. The prefix
   * must not be empty. MAINTENANCE_SCOPE_REQUIRED without a scope from `maintenanceScope`. A damaged record is CORRUPT, with
   * its key in `details.at`: pass that as `after` to go on. A call with a `limit` reads one snapshot, up to 8 MiB of
   * payloads; a longer result is read in pages, each a snapshot of its own. A scan only reads: to change a record
   * it found, use that record's own identity.
   *
   * @example
   * ```ts
   * import { maintenanceScope } from "groundstate";
   *
   * const scope = maintenanceScope({ reason: "expire overdue approvals", tenant: "acme" });
   * const records = await store.listKind(scope, "approval/", { limit: 100 });
   * for (const { identity, kind } of records) console.log(identity.user, kind);
   * ```
   */
  listKind(scope: MaintenanceScope, kindPrefix: string, options?: ScanOptions): Promise<StateRecord[]>;

  /**
   * Returns the sessions of one user that have records, whatever the run and kind, by name. State under `userIdentity` makes
   * no session. The cost is that of the sessions returned, however many records they have. It is read in pages, each a
   * snapshot of its own: a session that has records all the time is returned, and one that has none is not.
   *
   * @example
   * ```ts
   * const ada = { tenant: "acme", user: "ada" };
   * const page = await store.listSessions(ada, { prefix: "chat-", limit: 100 });
   * const next = await store.listSessions(ada, { prefix: "chat-", limit: 100, after: page.at(-1)?.session });
   * for (const session of [...page, ...next]) console.log(session.session, await store.count(session, ""));
   * ```
   */
  listSessions(user: UserIdentity, options?: SessionsOptions): Promise<SessionIdentity[]>;

  /**
   * Removes records, atomically against every commit, however many there are. Returns how many. Without a `prefix`: every
   * record of one session, whatever run or kind; an identity with a run is INVALID_RECORD. With a `prefix`: the records of
   * exactly this identity whose kind begins with it. Reads no payloads. An identity of `userIdentity` or `tenantIdentity` is
   * INVALID_RECORD unless `ownState` is true.
   *
   * @example
   * ```ts
   * const { tenant, user, session } = identity;
   * await store.erase({ tenant, user, session, run: "run-1" }, { prefix: "step/" }); // the steps of one run
   * await store.erase({ tenant, user, session }); // the whole session, with all its runs
   * ```
   */
  erase(identity: Identity, options?: EraseOptions): Promise<number>;

  /**
   * Yields what 1 to 256 slots of one tenant hold: each slot once as it is, then again whenever it has changed. It yields the
   * latest state, and never a backlog: a slot that changes several times before its turn is yielded once. Nothing is yielded
   * for a write that changed nothing.
   *
   * Changes made through this store show as soon as they are acknowledged. Those of other stores and processes show within
   * `pollMs`, or sooner if the driver tells of them (`notify` of Postgres); in memory, all show at once. The last state of a
   * slot is always yielded in the end.
   *
   * The loop ends when it is left, when the signal aborts, and when the store is closed: then `signal.aborted` is false. It
   * does not end because a read failed: after UNAVAILABLE the store tries again, with growing pauses of up to 5 seconds. It
   * rejects with any other error of a read, such as CORRUPT, which names the slot; watch the other slots anew to go on.
   *
   * Throws INVALID_RECORD, IDENTITY_REQUIRED and STORE_CLOSED at the call.
   *
   * @example
   * ```ts
   * for await (const { record } of store.watch([{ identity, kind: "note" }], { signal })) {
   *   console.log(record === undefined ? "nothing" : new TextDecoder().decode(record.bytes));
   *   if (record?.version === 2) break;
   * }
   * ```
   */
  watch(places: readonly RecordKey[], options?: WatchOptions): Watch;

  /**
   * Waits for accepted operations, then closes the driver. New calls are refused at once. Watches end at once. Writes that are
   * unfinished when the time is up reject with OUTCOME_UNKNOWN. May be called more than once. Other stores on the same data go
   * on.
   *
   * @example
   * ```ts
   * await store.close({ timeoutMs: 5_000 });
   * ```
   */
  close(options?: CloseOptions): Promise<void>;
}
