/// <reference lib="esnext.disposable" preserve="true" />

declare global {
  /** Merges with the platform's own, so that the declarations also check where neither the DOM's nor Node's types are loaded. */
  interface AbortSignal {}
}

/** Whose state it is. Without `run` (or with an empty one) it belongs to the whole session. */
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
  /** What is stored, in the caller's words: `session.lifecycle`, `approval/01J...`. 1 to 512 UTF-8 bytes. */
  readonly kind: string;
  /** Opaque; copied when the call is made. May be empty; at most `maxBytes` (1 MiB unless configured). */
  readonly bytes: Uint8Array;
  /** The caller's own number, a safe integer of 0 or more; stored, returned, never compared. Default 0. */
  readonly version?: number;
  /** Years 1 to 9999, kept to the millisecond; set by the store when left out. */
  readonly updatedAt?: Date;
}

/** A record as the store hands it out: the caller's own copy. */
export interface StateRecord {
  /** The event that made it current; `expect` takes it. */
  readonly eventId: EventId;
  /** Whose record it is; frozen, and usable as it is in further calls. */
  readonly identity: Identity;
  /** The caller's own name for what is stored. */
  readonly kind: string;
  /** The payload, as it was saved. */
  readonly bytes: Uint8Array;
  /** The caller's own number; 0 when none was given. */
  readonly version: number;
  /** When it was saved, or what the caller gave. */
  readonly updatedAt: Date;
}

/** One part of a commit. */
export type Change =
  | { readonly op: "save"; readonly record: NewRecord; readonly expect?: Expect }
  | { readonly op: "delete"; readonly identity: Identity; readonly kind: string; readonly expect?: Expect }
  | { readonly op: "check"; readonly identity: Identity; readonly kind: string; readonly expect: Expect }
  /** Removes every record of one session, as `erase` does; no other change of the commit may be of that session. */
  | { readonly op: "erase"; readonly identity: SessionIdentity; readonly ownState?: boolean };

/** What became of a save. */
export interface SaveReceipt {
  /** The event id that was given. */
  readonly eventId: EventId;
  /** The event had been seen with the same content: nothing was written now. */
  readonly duplicate: boolean;
}

/** What became of a commit. */
export interface CommitReceipt {
  /** The commit is a replay: all its saves had been seen, and nothing was evaluated or written now. */
  readonly duplicate: boolean;
  /** One per save, in order. */
  readonly receipts: readonly SaveReceipt[];
  /**
   * Only of a commit with erases, one per erase, in order: how many records it removed. Zeros of a replay, which does not
   * know them any more.
   */
  readonly erased?: readonly number[];
}

/** Where a record lies. */
export interface RecordKey {
  /** Whose record it is. */
  readonly identity: Identity;
  /** The record's kind. */
  readonly kind: string;
}

/** What every call takes. */
export interface CallOptions {
  /**
   * Aborted before a write reached the driver, the call rejects with the signal's reason and nothing is
   * written; after that the write is carried through and its real outcome reported. Reads may be abandoned
   * at once.
   */
  readonly signal?: AbortSignal | undefined;
}

/** What `save` takes beside the record. */
export interface SaveOptions extends CallOptions {
  /** Absent: unconditional. Present and `undefined`: INVALID_RECORD. */
  readonly expect?: Expect;
}

/** What `delete` takes beside the slot. */
export interface DeleteOptions extends CallOptions {
  /** Absent: unconditional. Present and `undefined`: INVALID_RECORD. */
  readonly expect?: Expect;
}

/** What `erase` takes beside the session. */
export interface EraseOptions extends CallOptions {
  /**
   * Has to be `true` where the identity is a user's or tenant's own, as `userIdentity` and `tenantIdentity` make it: the
   * typed wrappers keep accounts and lists there that others depend on. Default false.
   */
  readonly ownState?: boolean;
}

/** Which records of an identity `list` returns. `after` and `before` are exclusive and need not exist. */
export interface ListOptions extends CallOptions {
  /** Only kinds after this one. */
  readonly after?: string;
  /** Only kinds before this one. */
  readonly before?: string;
  /** 1 to 10,000; every match without it. */
  readonly limit?: number;
  /** Descending kind order; `limit` then counts from the end. */
  readonly reverse?: boolean;
}

/** Which records `listKind` returns. */
export interface ScanOptions extends CallOptions {
  /** The last record seen, or its identity and kind as plain data, whether or not it still exists. */
  readonly after?: RecordKey;
  /** 1 to 10,000; every match without it. */
  readonly limit?: number;
}

/** How long `close` may wait. */
export interface CloseOptions {
  /** Ends the wait for accepted writes at once, as if `timeoutMs` had passed. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long accepted writes may take to finish, in milliseconds. Default 10,000. The driver has 10 seconds more to release
   * what it holds.
   */
  readonly timeoutMs?: number;
}

/** What a store was opened with. */
export interface StoreLimits {
  /** The largest payload of a record, in bytes. */
  readonly maxBytes: number;
  /** How long an event id stays seen after it was saved, in milliseconds. */
  readonly idempotencyWindowMs: number;
}

/** How much a store has to do at this moment. */
export interface StoreStatus {
  /** Commits, of which a save, a delete and an erase is one, and the bytes of their payloads. */
  readonly writes: {
    /** Not sent to the driver yet, those that wait for room in the queue included. */
    readonly waiting: { readonly commits: number; readonly bytes: number };
    /** Sent to the driver, and not answered. */
    readonly underWay: { readonly commits: number; readonly bytes: number };
  };
  /** Slots and pages of lists. */
  readonly reads: { readonly waiting: number; readonly underWay: number };
}

declare const maintenance: unique symbol;

/** The claim that a scan may cross identities; made by `maintenanceScope`, known to the floor by object identity. */
export interface MaintenanceScope {
  /** Why the scan is needed, in words for an operator: 1 to 512 UTF-8 bytes. */
  readonly reason: string;
  /** The one tenant scanned; absent when the scope was made for all of them. */
  readonly tenant?: string;
  /** Only `maintenanceScope` makes a scope: a copy is not one. */
  readonly [maintenance]: true;
}

/**
 * The persistence floor: state keyed on tenant, user, session, run and kind.
 *
 * - One slot (an identity and a kind) holds at most one current record.
 * - An event id stands for one write: its slot, version and bytes. Seen again with the same content it is a
 *   success that writes nothing (`duplicate: true`), whatever `expect` says; seen again with other content
 *   or for another slot it is IDEMPOTENCY_CONFLICT. It stays seen while it is current and for the idempotency
 *   window (24 hours by default, by the database's clock) after it was saved, also when its record has been
 *   overwritten, deleted or erased since. After an erase only the id is remembered, so any retry is a duplicate.
 * - Conditions hold against every other writer, conditional or not, in this process or another.
 * - Prefixes are literal. Order everywhere is by UTF-8 bytes.
 * - Bytes are copied on the way in, at the call, and on the way out.
 * - A write that was acknowledged is durable to the degree the driver promises.
 * - An option that is present with the value `undefined` is INVALID_RECORD (`signal` alone may be).
 *
 * Every operation rejects with a StateError: IDENTITY_REQUIRED or INVALID_RECORD for what may not be asked,
 * STORE_CLOSED after `close`, UNAVAILABLE when nothing was written, OUTCOME_UNKNOWN when that cannot be said,
 * CORRUPT for what does not pass its checks. Codes an operation adds are named at it.
 *
 * A call has one deadline, fixed when it enters the store, where the driver has a bound (`timeoutMs` of Postgres): waiting
 * for room or for its turn, every try and every lock take their part of it, and it ends at most a second later. A call that
 * waited too long for its turn is UNAVAILABLE, `busy`. Each page of a scan that takes several is a call of its own in this,
 * and so is each piece of what a large erase leaves to be removed.
 */
export interface StateStore extends AsyncDisposable {
  /** A store that does not say is taken to have the default ones. */
  readonly limits?: StoreLimits;

  /** What waits and what is under way now; also of a store that is closed. Asks nobody, so that it answers whatever stands still. */
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

  /** The current record of the slot. NOT_FOUND. */
  load(identity: Identity, kind: string, options?: CallOptions): Promise<StateRecord>;

  /**
   * The current record of the slot, or `undefined`.
   *
   * @example
   * ```ts
   * const found = await store.find(identity, "note");
   * console.log(found === undefined ? "nothing" : new TextDecoder().decode(found.bytes));
   * ```
   */
  find(identity: Identity, kind: string, options?: CallOptions): Promise<StateRecord | undefined>;

  /**
   * The record whose current event this is, if it belongs to the given tenant, user and session (`run` is
   * ignored). NOT_FOUND otherwise, without a hint of whether it exists elsewhere.
   */
  loadByEventId(identity: Identity, eventId: EventId, options?: CallOptions): Promise<StateRecord>;

  /** Empties the slot. Whether there was a record. CONDITION_FAILED. */
  delete(identity: Identity, kind: string, options?: DeleteOptions): Promise<boolean>;

  /**
   * 1 to 256 changes of one tenant, no two of one slot, that take effect together or not at all. A commit
   * whose saves (one at least) are all duplicates is a replay; if only some are, IDEMPOTENCY_CONFLICT.
   * Conflict is judged before conditions, and the first failing change is reported. CONDITION_FAILED.
   *
   * An erase has no condition of its own: it happens if those of the other changes hold, which say whether what was read
   * before is still so. They are about other sessions, for no other change may be of the session that is erased; a user's
   * own state is one of them.
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
   * The records of exactly this identity whose kind starts with the prefix (which may be empty), by kind. One snapshot.
   *
   * @example
   * ```ts
   * const steps = await store.list(identity, "step/", { limit: 100 });
   * const more = await store.list(identity, "step/", { limit: 100, after: steps.at(-1)?.kind ?? "step/" });
   * console.log(steps.length + more.length);
   * ```
   */
  list(identity: Identity, kindPrefix: string, options?: ListOptions): Promise<StateRecord[]>;

  /**
   * The one scan that crosses identities, ordered by tenant, kind, user, session, run. The prefix may not be
   * empty. MAINTENANCE_SCOPE_REQUIRED without a scope from `maintenanceScope`. A damaged record throws CORRUPT
   * with its place in `details.at`, from which the caller may go on. A call with a `limit` is one snapshot, up to
   * 8 MiB of payloads; longer results are paged inside and are not. What it returns grants sight, not more: act on each record under
   * its own identity.
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
   * Removes every record of one session, whatever run or kind; one step against every commit. How many. A user's or
   * tenant's own state is INVALID_RECORD, unless `ownState` says that it is meant.
   */
  erase(identity: SessionIdentity, options?: EraseOptions): Promise<number>;

  /**
   * Lets accepted operations finish, then releases everything; writes that are unfinished when the time is up
   * reject with OUTCOME_UNKNOWN. Idempotent.
   *
   * @example
   * ```ts
   * await store.close({ timeoutMs: 5_000 });
   * ```
   */
  close(options?: CloseOptions): Promise<void>;
}
