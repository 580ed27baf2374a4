import type { StateError } from "./errors.js";
import type { EventId, Expect, StateStore } from "./store.js";

/** One identity plus one kind. `run` is `""` for session-scoped state. */
export interface Slot {
  /** 1 to 255 UTF-8 bytes. */
  readonly tenant: string;
  /** 1 to 255 UTF-8 bytes; `~` for state of a whole tenant. */
  readonly user: string;
  /** 1 to 255 UTF-8 bytes; `~` for state of a whole user or tenant. */
  readonly session: string;
  /** At most 255 UTF-8 bytes. */
  readonly run: string;
  /** 1 to 512 UTF-8 bytes. */
  readonly kind: string;
}

/** All runs and kinds of one session. */
export type Session = Pick<Slot, "tenant" | "user" | "session">;

/** The slots of exactly one identity (`run` is `""` for session-scoped state) whose kinds begin with a prefix. */
export interface SlotPrefix extends Omit<Slot, "kind"> {
  /** At most 512 UTF-8 bytes, taken literally; `""` for all kinds of the identity. */
  readonly prefix: string;
}

/** The target of an erase. */
export type EraseTarget = Session | SlotPrefix;

/** A record as it is stored. */
export interface StoredRecord extends Slot {
  /** 1 to 128 UTF-8 bytes, unique within the tenant. */
  readonly eventId: EventId;
  /** Identifies the write; 43 characters of ASCII. Stored and compared, never computed by a driver. */
  readonly fingerprint: string;
  /** A safe integer of 0 or more. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
  /** The payload, 0 to 16 MiB; a layer that seals it may add up to 64 bytes. */
  readonly bytes: Uint8Array;
  /** Set by a layer that cannot make the payload readable: the store rejects a read of this record with it. */
  readonly unreadable?: StateError;
}

/**
 * One change of a commit, checked. `expect` is the event that must be current in the slot, or `null` for an
 * empty one.
 */
export type Write =
  | { readonly op: "save"; readonly record: StoredRecord; readonly expect?: Expect }
  | { readonly op: "delete"; readonly slot: Slot; readonly expect?: Expect }
  | { readonly op: "check"; readonly slot: Slot; readonly expect: Expect }
  /** Removes every record of the session. Of each event only the id is remembered. */
  | { readonly op: "erase"; readonly session: Session; readonly expect?: never }
  /** The same for the records in these slots. Has no `session`. */
  | { readonly op: "erase"; readonly slots: SlotPrefix; readonly session?: never; readonly expect?: never };

/**
 * Writes of one tenant, no two of one slot, that take effect together or not at all. Next to the erase of a session there
 * is no other write of the session, and next to an erase of slots none of a slot that it erases. Two erases never overlap.
 */
export interface Commit {
  /** The tenant of every write. */
  readonly tenant: string;
  /** 1 to 4,096, in the caller's order. */
  readonly writes: readonly Write[];
}

/**
 * The outcome of one commit: applied, seen before (`duplicate`), or refused. `write` is the index of the write that was
 * refused.
 */
export type Outcome =
  | Applied
  | { readonly is: "duplicate" }
  | { readonly is: "conflict"; readonly write: number }
  | { readonly is: "condition"; readonly write: number; readonly current: Expect }
  | { readonly is: "failed"; readonly error: StateError };

/** The commit took effect. */
export interface Applied {
  /** The discriminant of `Outcome`. */
  readonly is: "applied";
  /** Per write: whether its slot held a record before; false for an erase. */
  readonly existed: readonly boolean[];
  /** Per erase, in order: how many records `apply` has removed. Only of a commit with erases. */
  readonly erased?: readonly number[];
  /**
   * A large erase has left records behind for `sweep`. They are invisible from then on: to reads, scans, conditions and
   * event ids.
   */
  readonly remains?: boolean;
}

/** The result of one `sweep`. */
export interface Swept {
  /** How many records it has removed. */
  readonly removed: number;
  /** There may be more: the store calls `sweep` again. */
  readonly more: boolean;
}

/** How long a call may take, its retries and waits for locks included. */
export interface CallLimit {
  /**
   * When the caller gives up, in milliseconds of the monotonic clock (`process.uptime() * 1000`). The call settles by then,
   * and starts no work after it. Absent: the driver's own bound applies.
   */
  readonly deadline?: number;
  /** For reads: aborts when the caller has given up. A read that takes long should end then, in any way. */
  readonly signal?: AbortSignal;
}

export interface ApplyOptions extends CallLimit {
  /**
   * The store's clock, milliseconds since 1970. A driver whose database has a clock uses that instead; one that waits
   * before it writes adds the wait.
   */
  readonly now: number;
  /** How long an event id stays seen after it was saved, in milliseconds. */
  readonly window: number;
  /**
   * The driver may call this before `apply` resolves, for a commit that waits for a lock of another process, so that the
   * rest of the batch need not wait: with the commit's index in the batch and a promise of its outcome, which must not
   * reject. The store then ignores the outcome at this index of `apply`'s result. It sends no commit that shares a slot or
   * an event id with this one until the promise is settled.
   */
  readonly setAside?: (commit: number, outcome: Promise<Outcome>) => void;
}

/**
 * One page of records.
 *
 * - With `identity`: the records of exactly that identity, ordered by kind; `reverse` turns the order around.
 * - Without: all that match, ordered by tenant, kind, user, session, run, within `tenant` if it is given.
 *   Never reversed, and never with `before`.
 *
 * Order and prefix are by UTF-8 bytes. `after` and `before` are exclusive positions in the ascending order,
 * whether or not a record is stored there.
 */
export interface ScanQuery {
  /** Only records of this tenant; absent: of all. */
  readonly tenant?: string;
  /** Only records of exactly this identity; `tenant` is then its tenant. */
  readonly identity?: Omit<Slot, "kind">;
  /** The kinds begin with this, literally. */
  readonly prefix: string;
  /** Only records at this slot or after it in ascending order; never without `identity`. Holds beside `after`. */
  readonly from?: Slot;
  /** Only records after this slot in ascending order. */
  readonly after?: Slot;
  /** Only records before this slot in ascending order. */
  readonly before?: Slot;
  /** The page's size in records. */
  readonly limit: number;
  /** The page ends after the record with which its payloads reach this many bytes; it holds at least one record. */
  readonly maxBytes: number;
  /** Descending order; the page then starts at the end. */
  readonly reverse: boolean;
  /** The store will ignore the payloads: they should not be read, and `bytes` of each record should be empty. */
  readonly bytes?: false;
}

/** Which records `count` counts: those that a scan with the same fields finds. */
export type CountQuery = Pick<ScanQuery, "prefix" | "from" | "after" | "before" | "limit"> &
  Required<Pick<ScanQuery, "identity">>;

/** Which sessions of one user `scanSessions` returns, in the order of their names by UTF-8 bytes. */
export interface SessionsQuery extends Pick<Slot, "tenant" | "user"> {
  /** The names begin with this, literally. */
  readonly prefix: string;
  /**
   * Only sessions with a record after this slot, in the order of identities: of its own session, only the records after it
   * count. Names in it may be empty, and the session may be longer than a name can be.
   */
  readonly after?: Slot;
  /** The page's size in sessions. */
  readonly limit: number;
}

/** One page of sessions. */
export interface SessionsPage {
  /** The names, each once. */
  readonly sessions: readonly string[];
  /** As of a `ScanPage`. */
  readonly more: boolean;
  /** As of a `ScanPage`: records up to this slot were passed over. It lies beyond every session of the page. */
  readonly next?: Slot;
}

/** One page of a scan. */
export interface ScanPage {
  /** In the order of the query. */
  readonly records: readonly StoredRecord[];
  /** There may be more: the store asks for the next page. Must be false if the page is empty and has no `next`. */
  readonly more: boolean;
  /**
   * Set if the page ended early, because it took much work: the next page starts after this slot, instead of after the last
   * record. It lies beyond `after` and every record of the page; names in it may be empty. Such a page may have no records.
   */
  readonly next?: Slot;
}

/** The state of a driver's storage, for operators. */
export interface DriverStatus {
  /** Where the data is stored, readable for a person; passwords are masked. */
  readonly target: string;
  /** How many migrations the database has had. */
  readonly schemaVersion: number;
  /** The names of migrations that the database still lacks. */
  readonly pendingMigrations: readonly string[];
  /** Rights that a store needs and its login lacks, such as `INSERT on table record`; absent if there are none. */
  readonly missingRights?: readonly string[];
  /** The connections of a driver that pools them. */
  readonly pool?: { readonly size: number; readonly idle: number; readonly waiting: number };
  /** The writes that wait or are under way, in a driver that queues them. */
  readonly queue?: { readonly waiting: number };
}

/**
 * Talks to one kind of storage. The store validates and copies arguments before the driver gets them. It copies the payloads
 * that the driver returns, unless `returnsUnsharedBytes` is set, so a driver may keep and return its own objects.
 *
 * A driver rejects with StateError: UNAVAILABLE if nothing was written (reason `refused` if a smaller batch may pass),
 * OUTCOME_UNKNOWN if a write may have happened, CORRUPT for data that it cannot read. Any other error counts as an unknown
 * outcome if `apply` throws it, as UNAVAILABLE if a read or a sweep does.
 */
export interface Driver {
  /** The name in diagnostics, such as `postgres`; a layer passes it on. */
  readonly name?: string;

  /**
   * The layers that this driver should be used with. `openStore` applies them unless its configuration has `layers`. The
   * first is the outermost.
   */
  readonly layers?: readonly Layer[];

  /**
   * The longest that a call takes, in milliseconds; absent if there is no bound. The store makes the deadline of each call
   * from it; waiting in the store counts against that. The store gives up a call that outlasts its deadline by a second.
   */
  readonly timeoutMs?: number;

  /** How many batches should be under way at once, unless the store's options say otherwise. Default 1. */
  readonly inFlight?: number;

  /** How many reads should be under way at once: at least 2, and few enough that writes need not wait for them. Default 8. */
  readonly readsInFlight?: number;

  /**
   * Set if no call may concern several tenants: the store then gives `apply`, `read` and `readEventIds` commits and slots of
   * one tenant each, tenants in turn. For drivers whose statements run under the rights of a tenant, or go where its data
   * is. A scan without `tenant` still is of all. Default: calls mix tenants, which makes fewer of them.
   */
  readonly batchesOneTenant?: boolean;

  /**
   * Set if each payload that the driver returns has memory of its own, to which the driver keeps no reference. The store
   * then hands it to the caller without a copy.
   */
  readonly returnsUnsharedBytes?: boolean;

  /**
   * Applies commits in order, each seeing the one before. Each is atomic, and durable when the promise resolves. Returns one
   * outcome per commit, by the rules of `decide`. One store never has two batches under way that share a slot or an event
   * id, or of which one erases in a session that the other writes or erases in. The driver itself has to exclude other
   * stores, of this process and of others.
   *
   * An erase is atomic against every commit, however many records there are. If removing them would take long, the driver
   * makes them invisible, sets `remains`, and leaves them to `sweep`. Records saved later are never part of that, nor of
   * what an earlier erase of other slots has left. The event ids of the records left behind are remembered like those of
   * erased records.
   *
   * The driver remembers every saved event id with its fingerprint. Per batch it forgets at most twice as many ids as the
   * batch wrote, oldest first, if `isSeen` is false for them; an id that is past the window but still current is queued
   * again as the newest.
   */
  apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]>;

  /** Returns one entry per slot, in order, from one snapshot. */
  read(slots: readonly Slot[], limit?: CallLimit): Promise<readonly (StoredRecord | undefined)[]>;

  /**
   * Optional. The same as `read`, with nothing but the id of each slot's current event, so that no payload has to be read. The
   * store asks it for the slots that are watched, up to 500 at a time; without it, the store uses `read`.
   */
  readEventIds?(slots: readonly Slot[], limit?: CallLimit): Promise<readonly (EventId | undefined)[]>;

  /**
   * Optional. Returns a value that is equal (`===`) to an earlier one only if no record has changed in between, whichever
   * store or process changes records; it may differ without a change. The store then asks for watched slots only if the value
   * differs. It has to be much cheaper than `readEventIds`.
   */
  changeCounter?(limit?: CallLimit): Promise<string | number>;

  /** Optional. Tells of changes as they happen; without it, watches see the changes of other stores by asking. */
  readonly changes?: ChangeFeed;

  /** Returns the record of this session with this current event. A record of another session must take no longer than none. */
  readByEventId(session: Session, eventId: EventId, limit?: CallLimit): Promise<StoredRecord | undefined>;

  /** Returns one page, from one snapshot. A page that would take long ends early, with `next`. */
  scan(query: ScanQuery, limit?: CallLimit): Promise<ScanPage>;

  /**
   * Returns how many records match, at most `limit`, from one snapshot. Should read no records, and must not block writers
   * or the event loop for long, however many match. Absent: the store reads them all with `scan` and counts them.
   */
  count?(query: CountQuery, limit?: CallLimit): Promise<number>;

  /**
   * Returns one page of the sessions of a user that have a record, from one snapshot. A session should cost a seek, however
   * many records it has. A page that would take long ends early, with `next`.
   */
  scanSessions(query: SessionsQuery, limit?: CallLimit): Promise<SessionsPage>;

  /**
   * Removes one piece of what erases have left behind in these slots, small enough that it hardly delays a batch. That
   * includes what erases of wider or narrower targets have left there; the piece may lie outside the target then. The store
   * calls this until nothing is left, while batches go on. If the store's process dies before that, drivers remove the rest
   * along with later batches.
   */
  sweep(target: EraseTarget, limit?: CallLimit): Promise<Swept>;

  /**
   * Optional. `openStore` waits for it before it returns the store: a layer looks here whether it can do its work at all, such as
   * whether it has the right keys. Every other call works without it.
   */
  ready?(): Promise<void>;

  /** Returns where the data is stored and the state of the schema. May query the database. */
  status(limit?: CallLimit): Promise<DriverStatus>;

  /** Releases all resources. Called once, when no call is under way. */
  close(): Promise<void>;
}

/**
 * Tells of changes as they happen, also of those that other stores and processes make. The store still asks for itself
 * while the feed is not live, and from time to time while it is.
 */
export interface ChangeFeed {
  /**
   * The group of a slot. When a slot has changed, the feed names its group; the store then asks for the slots of that group
   * which are watched. All slots of a session should be of one group. Several sessions may share one.
   */
  groupOf(slot: Slot): string;
  /** Begins to tell of changes. Returns the function that ends it. The store subscribes while anything is watched. */
  subscribe(listener: ChangeListener): () => void;
}

/** What a `ChangeFeed` calls. Neither function throws. */
export interface ChangeListener {
  /** After a change can be read: slots of these groups may have changed; absent: any slot may have. */
  changed(groups?: readonly string[]): void;
  /**
   * Every change from now on is told. The store asks once for what it missed, and then only every so many milliseconds, in
   * case that another writer does not tell; Infinity if there can be no such writer.
   */
  live(pollMs: number): void;
  /** Changes may be missed from now on, until the next `live`. */
  lost(): void;
}

/** Wraps a driver in a driver that adds something: retries, encryption, telemetry. */
export type Layer = (driver: Driver) => Driver;

/**
 * Opens a driver or a whole store from its configuration. `openStore` makes a store of a driver, with the options of the
 * store. A factory that returns a store has to apply those options itself.
 */
export type DriverFactory<C = never> = (config: C) => Promise<Driver | StateStore>;
