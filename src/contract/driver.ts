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

/** What an erase is about: all runs and kinds of it. */
export type Session = Pick<Slot, "tenant" | "user" | "session">;

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
  /** The payload, 0 to 16 MiB. */
  readonly bytes: Uint8Array;
}

/**
 * One change of a commit, checked. `expect` is the event that must be current in the slot, or `null` for an
 * empty one.
 */
export type Write =
  | { readonly op: "save"; readonly record: StoredRecord; readonly expect?: Expect }
  | { readonly op: "delete"; readonly slot: Slot; readonly expect?: Expect }
  | { readonly op: "check"; readonly slot: Slot; readonly expect: Expect }
  /** Removes every record of the session, and of each one's event keeps the id alone. */
  | { readonly op: "erase"; readonly session: Session; readonly expect?: never };

/**
 * Writes of one tenant, no two of one slot, that take effect together or not at all. An erase is in a commit with no
 * other write of its session.
 */
export interface Commit {
  /** The tenant of every write. */
  readonly tenant: string;
  /** 1 to 256, in the caller's order. */
  readonly writes: readonly Write[];
}

/**
 * What became of one commit: applied, seen before, or refused. `write` is the index of the write that was
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
  /** Tells the outcomes apart. */
  readonly is: "applied";
  /** Per write: was there a record before; of an erase false. */
  readonly existed: readonly boolean[];
  /** Per erase, in order: how many records this has removed. Only of a commit with erases. */
  readonly erased?: readonly number[];
  /**
   * A large erase has left records behind for `sweep`, which from then on nothing shows: no read, no scan, no
   * condition, no event id.
   */
  readonly remains?: boolean;
}

/** A piece of what an erase had left behind. */
export interface Swept {
  /** How many records this has removed. */
  readonly removed: number;
  /** There may be more, so the next piece is asked for. */
  readonly more: boolean;
}

/** How long a call may take, whatever tries and locks it meets. */
export interface CallLimit {
  /**
   * When its caller gives up, by `monotonicMs`: the call settles by then, and begins nothing after it. Absent: as long as
   * the driver takes at most.
   */
  readonly deadline?: number;
  /** Of a read: aborts when nobody waits for it any more. One that takes long ends then, however it does. */
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
   * Takes the outcome of a commit, by its index in the batch, that waits for somebody outside, so that those beside it
   * need not; called before `apply` resolves, if at all. What `apply` resolves with in its place says nothing. The
   * promise never rejects. Commits that share a slot or an event id with it are held back until it is settled.
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
 * Order and prefix are by UTF-8 bytes. `after` and `before` are exclusive places in the ascending order,
 * whether or not anything is stored there.
 */
export interface ScanQuery {
  /** Only records of this tenant; absent: of all. */
  readonly tenant?: string;
  /** Only records of exactly this identity. */
  readonly identity?: Omit<Slot, "kind">;
  /** What the kinds begin with, literally. */
  readonly prefix: string;
  /** Only records behind this place. */
  readonly after?: Slot;
  /** Only records in front of this place. */
  readonly before?: Slot;
  /** The page's size in records. */
  readonly limit: number;
  /** The page ends after the record with which its payloads reach this many bytes; it holds at least one record. */
  readonly maxBytes: number;
  /** Descending order; the page is then counted from the end. */
  readonly reverse: boolean;
}

/** A page of what a scan found. */
export interface ScanPage {
  /** In the order of the query. */
  readonly records: readonly StoredRecord[];
  /** There may be more, so the next page is asked for; false when the page is empty and has no `next`. */
  readonly more: boolean;
  /**
   * Of a page that ended because it took much work and not because it is full: the place after which the next one goes
   * on, in place of the last record's. Beyond `after` and every record of the page; names in it may be empty. Such a page
   * may be empty.
   */
  readonly next?: Slot;
}

/** What an operator wants to know of a driver's storage. */
export interface DriverStatus {
  /** Where the data lies, as a person would recognise it; passwords masked. */
  readonly target: string;
  /** How many migrations the database has seen. */
  readonly schemaVersion: number;
  /** Names of migrations this code has and the database has not. */
  readonly pendingMigrations: readonly string[];
  /** What a store needs and its login may not, such as `INSERT on table record`; left out where that is nothing. */
  readonly missingRights?: readonly string[];
  /** Connections, where the driver pools them. */
  readonly pool?: { readonly size: number; readonly idle: number; readonly waiting: number };
  /** Writes that wait for their turn or are under way, where the driver lines them up. */
  readonly queue?: { readonly waiting: number };
}

/**
 * What talks to one kind of storage. Arguments are validated and copied before a driver sees them, and what it
 * returns is copied before a caller does, unless it sets `returnsUnsharedBytes`, so a driver may keep and hand out its own objects.
 *
 * A driver rejects with StateError: UNAVAILABLE when nothing was written (reason `refused` when a smaller batch
 * may pass), OUTCOME_UNKNOWN when that cannot be said, CORRUPT for what it cannot read. Anything else that it
 * throws out of `apply` is taken for an unknown outcome, out of a read or a sweep for UNAVAILABLE.
 */
export interface Driver {
  /** What operators know it by, such as `postgres`; a layer passes it on. */
  readonly name?: string;

  /**
   * Layers this driver is meant to be used with; `openStore` applies them unless its configuration names others.
   * The first is the outermost.
   */
  readonly layers?: readonly Layer[];

  /**
   * The longest that a call takes, in milliseconds, where that has a bound. A store makes a deadline of it for each of its
   * calls, of which waiting in the store takes its part, and gives a driver that does not keep it up a second later.
   */
  readonly timeoutMs?: number;

  /** How many batches it likes to have under way at once, unless the store's options say otherwise. Default 1. */
  readonly inFlight?: number;

  /** How many reads it likes to have under way at once: 2 or more, and so many that writes need not wait for them. Default 8. */
  readonly readsInFlight?: number;

  /**
   * The payloads it returns are the caller's: each is alone on its memory, and the driver lets go of it. The store copies
   * those of a driver that does not say so.
   */
  readonly returnsUnsharedBytes?: boolean;

  /**
   * Applies commits in order, each seeing the one before, each atomic, durable when the promise resolves. One
   * outcome per commit, by the rules of `decide`. One store never has two batches under way that share a slot or
   * an event id, or of which one erases a session that the other writes; other stores, of this process and of others, are
   * the driver's to hold off.
   *
   * An erase is one step against every commit, however many records there are. What would take long it leaves behind,
   * unseen, for `sweep`, and says so in `remains`; nothing that is saved later is ever part of that. An event id of what
   * it leaves is remembered like that of an erased record.
   *
   * It remembers every saved event id with its fingerprint, and forgets at most twice as many ids as the batch
   * wrote, oldest first: `isSeen` says which may go; one past the window that is still current is put at the end
   * of the line.
   */
  apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]>;

  /** One entry per slot, in order, from one snapshot. */
  read(slots: readonly Slot[], limit?: CallLimit): Promise<readonly (StoredRecord | undefined)[]>;

  /** The record of this session whose current event this is. One of another session costs the same as none. */
  readByEventId(session: Session, eventId: EventId, limit?: CallLimit): Promise<StoredRecord | undefined>;

  /** One page, from one snapshot. It ends early, and says where, rather than to take long. */
  scan(query: ScanQuery, limit?: CallLimit): Promise<ScanPage>;

  /**
   * Removes one piece of what erases of this session have left behind, small enough that a batch which comes meanwhile
   * hardly waits. A store asks piece after piece, beside its batches; of what nobody asks for any more, since its process
   * died, a driver goes on by itself along with later batches.
   */
  sweep(session: Session, limit?: CallLimit): Promise<Swept>;

  /** Where the data lies and what state the schema is in. May ask the database. */
  status(limit?: CallLimit): Promise<DriverStatus>;

  /** Releases everything. Called once, when nothing is under way. */
  close(): Promise<void>;
}

/** Wraps a driver and is one: retry, encryption, telemetry. */
export type Layer = (driver: Driver) => Driver;

/**
 * Opens a driver, or a whole store, from its configuration; a driver is wrapped with the options of the store, a
 * store is expected to heed those it has a use for.
 */
export type DriverFactory<C = never> = (config: C) => Promise<Driver | StateStore>;
