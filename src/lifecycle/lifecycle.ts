import { invalid, type StateError } from "../contract/errors.js";
import type {
  CallOptions,
  Identity,
  MaintenanceScope,
  RecordHeader,
  SessionIdentity,
  StateStore,
  Watch,
} from "../contract/store.js";
import { tenantIdentity, userIdentity } from "../identity/identity.js";
import { copySession, readStore } from "../typed/cell.js";
import { exportEach } from "../typed/exporting/export-each.js";
import type { UserData } from "../typed/moving/user-data.js";
import { itemPrefix } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import { type Clock, readClock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { readInteger, readNamed, readOptions, readSignal } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import { watchSlots } from "../watch/watch-by-reading.js";
import { changeAll } from "./change-all.js";
import { countRecords } from "./counting.js";
import type { LifecycleDeclaration, Owner } from "./declaration.js";
import { Declared } from "./declared.js";
import { changeNextDue, listDue, scanDue } from "./due.js";
import { Leftovers } from "./leftovers.js";
import { listRecords } from "./listing.js";
import { locate } from "./locating.js";
import { expireOverdue, forgetUser, recover, removeAll } from "./maintenance.js";
import { movingRecords } from "./moving.js";
import { type Candidates, changeOneOf, type NextOptions, type NextTransition } from "./next.js";
import {
  type CountOptions,
  type ExpireOptions,
  type FieldValue,
  type ListedOf,
  type ListRecordsOptions,
  type LocateOptions,
  type RecordPage,
  readBy,
  readCallOptions,
  readCount,
  readExpire,
  readListedOf,
  readLocate,
  readQuery,
  readStatuses,
  readWait,
  type WaitOptions,
} from "./options.js";
import {
  type ChangeOptions,
  type Created,
  type CreateOptions,
  LifecycleRecords,
  type WriteOptions,
} from "./records.js";
import { retainRecords } from "./retaining.js";
import type { IndexEntry, List } from "./status-index.js";
import type { LifecycleKey, LifecycleState, Moment, Transition, Whole } from "./stored.js";
import { Waiting } from "./waiting.js";

/** The options of a lifecycle. */
export interface LifecycleOptions {
  /** How often `wait` looks for changes by other processes, in milliseconds: 1 to 60,000. Default 250. */
  readonly pollMs?: number;
  /**
   * Milliseconds since 1970. Default the process's clock. It decides at each call whether a record has expired, so the
   * clocks of all processes should agree to within a few seconds.
   */
  readonly clock?: Clock;
}

/** Which records `recover` returns. */
export interface RecoverOptions<Status extends string = string> extends CallOptions {
  /** One open status or several. Default the first one declared. */
  readonly status?: Status | readonly Status[];
}

const DEFAULT_POLL_MS = 250;
const MAX_POLL_MS = 60_000;

/**
 * Records with a status, each of a session: created once, changed by declared transitions alone, listed by status, waited
 * for, expired and recovered. A wrapper declares its statuses and adds its own words.
 *
 * Methods that end in `In` do their work in a transaction of the caller's, and nothing is written before that commits; the
 * others commit by themselves.
 *
 * @example
 * ```ts
 * import { type ContentRecord, json, Lifecycle, type LifecycleState } from "groundstate/typed";
 *
 * type State = LifecycleState<"open" | "done">;
 * const tasks = new Lifecycle(store, {
 *   name: "task",
 *   transitions: { open: ["done"], done: [] },
 *   listedBy: [{ under: "session" }, { under: "tenant" }],
 *   stateCodec: json<State>(),
 *   contentCodec: json<ContentRecord<string>>(),
 *   view: ({ id }, { state, content }) => ({ id, status: state.status, text: content }),
 * });
 * const key = tasks.readKey(identity, "t1");
 * await tasks.create(key, "water the plants", (now) => ({ status: "open", createdAt: now }), { repeatable: true });
 * await tasks.change(key, (state) => ({ ...state, status: "done" }));
 * console.log((await tasks.list(identity, { status: "done" })).records);
 * ```
 */
export class Lifecycle<S extends LifecycleState, C, V> {
  readonly #records: LifecycleRecords<S, C, V>;
  readonly #declared: Declared<S, C, V>;
  readonly #waiting: Waiting<S, C, V>;
  readonly #leftovers = new Leftovers<IndexEntry<S["status"]>>();
  /** How often changes of other processes are looked for, in milliseconds. */
  readonly pollMs: number;

  /** INVALID_RECORD for a declaration that contradicts itself, and for wrong options. */
  constructor(store: StateStore, declaration: LifecycleDeclaration<S, C, V>, options: LifecycleOptions = {}) {
    readNamed(options, "options", ["pollMs", "clock"]);
    this.pollMs =
      "pollMs" in options ? readInteger(options.pollMs, "pollMs", 1, MAX_POLL_MS) : DEFAULT_POLL_MS;
    this.#declared = new Declared(declaration);
    this.#records = new LifecycleRecords(readStore(store), this.#declared, readClock(options));
    this.#waiting = new Waiting(this.#records, this.pollMs);
  }

  /** The time by the clock of the records, in milliseconds since 1970. */
  now(): number {
    return this.#records.now();
  }

  /** Reads a caller's session and id. INVALID_RECORD, IDENTITY_REQUIRED. */
  readKey(identity: SessionIdentity, id: string): LifecycleKey {
    return { identity: copySession(identity), id: readKind(id, "id") };
  }

  /** Whether a record of one status may change to the other. */
  allows(from: S["status"], to: S["status"]): boolean {
    return this.#declared.allows(from, to);
  }

  /**
   * Creates a record. If one has this id, it is a duplicate, and other content is IDEMPOTENCY_CONFLICT. NOT_FOUND if the
   * session was erased since, within the store's idempotency window. The id is 1 to 105 UTF-8 bytes; with `repeatable` it
   * is the caller's. INVALID_RECORD when the content is too large.
   */
  create(
    key: LifecycleKey,
    content: C,
    initial: (now: number) => S,
    options: WriteOptions = {},
  ): Promise<Created<V>> {
    return this.#records.create(key, content, initial, options);
  }

  /** Creates a record in a transaction of the caller's. It reads first, so a transaction that runs again finds its record. */
  createIn(
    transaction: Transaction,
    key: LifecycleKey,
    content: C,
    initial: (now: number) => S,
    options?: CreateOptions,
  ): Promise<Created<V>> {
    return this.#records.createIn(transaction, key, content, initial, options);
  }

  /**
   * Changes a record, atomically. Where the transition returns the state that it was given, nothing is written. NOT_FOUND,
   * the errors of the transition, and a `TypeError` for a change that is not declared.
   */
  change(key: LifecycleKey, transition: Transition<S, C>, options: WriteOptions = {}): Promise<V> {
    return this.#records.change(key, transition, options);
  }

  /** Changes a record in a transaction of the caller's. */
  changeIn(transaction: Transaction, key: LifecycleKey, transition: Transition<S, C>): Promise<V> {
    return this.#records.changeIn(transaction, key, transition);
  }

  /** Removes a record in a transaction of the caller's. Returns whether there was one. CORRUPT. */
  removeIn(transaction: Transaction, key: LifecycleKey): Promise<boolean> {
    return this.#records.removeIn(transaction, key);
  }

  /**
   * Removes all records of a list, or those with an id, each in a commit of its own, damaged ones too. Returns how many. Those
   * that are created meanwhile may stay. After an interruption, call it again: it goes on.
   */
  async removeAll(
    where: ListedOf,
    { by, id, signal }: Omit<NextOptions, "repeatable"> & { readonly id?: string } = {},
  ): Promise<number> {
    const { index } = this.#records;
    const list = this.#listOf(readListedOf(where, index.hasListsOf("user")), by ? [readBy(by)] : []);
    return removeAll(this.#records, list, { id, signal });
  }

  /** A creation as part of a unit of `together`. `repeatable`: the id is the caller's. */
  creating(
    key: LifecycleKey,
    content: C,
    initial: (now: number) => S,
    repeatable: boolean,
  ): Operation<Created<V>> {
    const apply = (transaction: Transaction) => this.createIn(transaction, key, content, initial);
    return { turn: this.#records.cell(key), repeatable, findsItsIds: true, apply };
  }

  /** A change as part of a unit of `together`. `repeatable`: the transition recognises the same call. */
  changing(key: LifecycleKey, transition: Transition<S, C>, repeatable: boolean): Operation<V> {
    const apply = (transaction: Transaction) => this.changeIn(transaction, key, transition);
    return { turn: this.#records.cell(key), repeatable, apply };
  }

  /** The record as it is now. NOT_FOUND. */
  async get(key: LifecycleKey, options?: CallOptions): Promise<V> {
    const found = await this.find(key, options);
    if (found === undefined) throw this.#declared.notFound();
    return found;
  }

  /** The record as it is now, or `undefined`. */
  async find(key: LifecycleKey, options?: CallOptions): Promise<V | undefined> {
    const whole = await this.read(key, options);
    return whole && this.view(key, whole);
  }

  /** Both parts of a record as they are stored, or `undefined`. */
  read(key: LifecycleKey, options?: CallOptions): Promise<Whole<S, C> | undefined> {
    return this.#records.find(key, readCallOptions(options));
  }

  /** The same in a transaction of the caller's, which then depends on them. */
  readIn(transaction: Transaction, key: LifecycleKey): Promise<Whole<S, C> | undefined> {
    return this.#records.readIn(transaction, key);
  }

  /** What a transition would be told about a record now. */
  momentOf({ state, content }: Whole<S, C>): Moment<S, C> {
    const now = this.now();
    return { now, status: this.#declared.statusAt(state, now), content };
  }

  /** The error for a record that does not exist. */
  notFound(): StateError<"NOT_FOUND"> {
    return this.#declared.notFound();
  }

  /** A record as a caller sees it now. */
  view(key: LifecycleKey, whole: Whole<S, C>): V {
    return this.#declared.view(key, whole, this.now());
  }

  /** The records of a session, a user or a tenant, in the order of their creation. INVALID_RECORD for lists that are not declared. */
  async list(where: ListedOf, options?: ListRecordsOptions<S["status"]>): Promise<RecordPage<V>> {
    const { index } = this.#records;
    const { under, identity } = readListedOf(where, index.hasListsOf("user"));
    const query = readQuery(options, this.#declared.statuses);
    const list = this.#listOf({ under, identity }, query.by);
    const isNewestFirst = query.order === undefined ? list.isNewestFirst : query.order === "newest";
    return listRecords(this.#records, { ...list, isNewestFirst }, query);
  }

  /**
   * How many records of a session, a user or a tenant have each status: of all statuses, or of those that are asked for.
   * Every record of an open status is looked at, so that those that have expired and those of erased sessions are counted as
   * `list` shows them, also where it has not removed them yet. Records of final statuses are counted without being read,
   * unless `by` is given; in the lists of a tenant or user, those of erased sessions count until a list or `expireOverdue`
   * with `erased` meets them. The statuses are counted one after the other: a record that changes meanwhile may count twice.
   */
  async count<Status extends S["status"] = S["status"]>(
    where: ListedOf,
    options?: CountOptions<Status>,
  ): Promise<{ readonly [Counted in Status]: number }> {
    const { index } = this.#records;
    const { statuses, by, signal } = readCount(options, this.#declared.statuses as readonly Status[]);
    const of = readListedOf(where, index.hasListsOf("user"));
    return countRecords(this.#records, this.#listOf(of, by), statuses, signal);
  }

  #listOf({ under, identity }: { under: Owner; identity: Identity }, by: readonly FieldValue[]): List {
    const list = this.#records.index.listOf(identity, under, by);
    if (list === undefined)
      throw invalid(by.length > 0 ? "by" : "where", `what the lists of a ${under} are declared for`);
    return list;
  }

  /**
   * The records of a tenant that have this id, whatever their sessions are: usually one, or none; the newest first. The
   * lifecycle has to declare `located`.
   */
  async locate(tenant: string, id: string, options?: LocateOptions): Promise<readonly V[]> {
    const { limit, signal } = readLocate(options);
    return locate(this.#records, tenantIdentity(tenant), readKind(id, "id"), { limit, signal });
  }

  /**
   * Changes all records of a list that have one of these statuses, each in a commit of its own. Returns how many changed. Those
   * that the transition passes over, those that are created meanwhile and damaged ones stay; the first damage is thrown as
   * CORRUPT in the end. After an abort, call it again: it goes on.
   */
  async changeAll(
    where: ListedOf,
    statuses: readonly S["status"][],
    transition: NextTransition<S, C>,
    { by, signal }: NextOptions = {},
  ): Promise<number> {
    const { index } = this.#records;
    const list = this.#listOf(readListedOf(where, index.hasListsOf("user")), by ? [readBy(by)] : []);
    return changeAll(this.#records, list, { statuses, transition, signal });
  }

  /**
   * Waits until the status is no longer an awaited one, by this process or another, and returns the record. All waiters
   * share one timer; no connection is held. NOT_FOUND, also when the record is erased meanwhile; WAIT_TIMED_OUT.
   */
  async wait(key: LifecycleKey, options?: WaitOptions): Promise<V> {
    const limits = readWait(options);
    limits.signal?.throwIfAborted();
    return this.#waiting.wait(key, limits);
  }

  /** Watches a record: something new when it was changed, created or erased. It need not exist. */
  watch(key: LifecycleKey): Watch {
    return watchSlots(this.#records.store, [this.#records.cell(key)], { pollMs: this.pollMs });
  }

  /**
   * Marks the records that have expired, and returns how many. They count as expired before that, too. Damaged records are
   * skipped; after all others are marked, the first damage is thrown as CORRUPT. After an abort, call it again: it goes on.
   * MAINTENANCE_SCOPE_REQUIRED.
   */
  async expireOverdue(scope: MaintenanceScope, options?: ExpireOptions): Promise<number> {
    return expireOverdue(this.#records, scope, readExpire(options));
  }

  /**
   * Returns open records, for example after a restart: by status, then tenant, the oldest first. A record whose status
   * changes meanwhile may appear twice. Damaged records are skipped; after all others, the first damage is thrown as
   * CORRUPT. MAINTENANCE_SCOPE_REQUIRED.
   */
  async *recover(
    scope: MaintenanceScope,
    options?: RecoverOptions<S["status"]>,
  ): AsyncGenerator<V, void, undefined> {
    const { open } = this.#declared;
    const given = readOptions(options, ["status", "signal"]) as RecoverOptions<S["status"]>;
    const statuses = readStatuses("status" in given ? given.status : open[0], open);
    yield* recover(this.#records, scope, statuses, readSignal(given));
  }

  /**
   * Returns the records that are due now: by tenant, those that became due first before the others. Damage as with
   * `recover`. MAINTENANCE_SCOPE_REQUIRED.
   */
  async *recoverDue(scope: MaintenanceScope, options?: CallOptions): AsyncGenerator<V, void, undefined> {
    yield* scanDue(this.#records, scope, this.now(), readCallOptions(options).signal);
  }

  /** The records of a tenant that are due at a time, those that became due first before the others. CORRUPT. */
  listDue(
    tenant: string,
    range: { readonly until: number; readonly limit: number; readonly signal: AbortSignal | undefined },
  ): Promise<readonly V[]> {
    return listDue(this.#records, tenantIdentity(tenant).tenant, range);
  }

  /**
   * Changes one of the records of a tenant that became due first, atomically: of callers that come together, each gets
   * another one. Returns it, or `undefined` if none is due that the transition does not pass over. Damaged records are
   * passed over, and thrown as CORRUPT if none is left.
   */
  async changeNextDue(
    tenant: string,
    transition: NextTransition<S, C>,
    options: NextOptions & Pick<ChangeOptions<S, C>, "alongside"> = {},
  ): Promise<V | undefined> {
    return changeNextDue(this.#records, tenantIdentity(tenant).tenant, transition, options);
  }

  /** The same for one of the oldest records of a tenant that have a status. */
  async changeNext(
    tenant: string,
    status: S["status"],
    transition: NextTransition<S, C>,
    { by, ...options }: NextOptions = {},
  ): Promise<V | undefined> {
    const { index } = this.#records;
    const list = index.listOf(tenantIdentity(tenant), "tenant", by && [readBy(by)]);
    if (list === undefined) throw invalid("by", "what the lists of a tenant are declared for");
    const candidates: Candidates<IndexEntry<S["status"]>, S> = {
      leftovers: { of: this.#leftovers, list: JSON.stringify([tenant, status, by]) },
      page: async (range) => {
        const entries = await index.oldest(list, status, { ...range, signal: options.signal });
        return { entries, next: entries.length < range.limit ? undefined : entries.at(-1)?.position };
      },
      isCurrent: (_, state) => state.status === status,
    };
    return changeOneOf(this.#records, candidates, transition, options);
  }

  /**
   * The records as they take part when a user is forgotten, moved or exported, and in retention. `name` is what their number is
   * reported under. An export has for each record what `itemsOf` yields: by default the record as `find` shows it.
   */
  userData(
    name: string,
    itemsOf: (key: LifecycleKey, options: CallOptions) => AsyncIterable<object> = (...given) =>
      this.#shown(...given),
  ): UserData {
    const { name: kinds } = this.#declared;
    return {
      name,
      forgetUser: (user, options) => this.forgetUser(user, options),
      records: movingRecords(this.#records),
      retain: (scope, options) => retainRecords(this.#records, scope, options),
      exportOf: (owner, options) => {
        const prefix = itemPrefix(kinds);
        const keyOf = ({ kind }: RecordHeader) => ({ identity: owner, id: kind.slice(prefix.length) });
        const each = { owner, prefix, itemsOf: (header: RecordHeader) => itemsOf(keyOf(header), options) };
        return exportEach(this.#records.store, each, options);
      },
      exportedKinds: [itemPrefix(kinds), `${kinds}.`],
      ownPrefixes: [`${kinds}.`],
    };
  }

  async *#shown(key: LifecycleKey, options: CallOptions): AsyncGenerator<object, void, undefined> {
    const found = await this.find(key, options);
    if (typeof found === "object" && found !== null) yield found;
  }

  /**
   * Removes the records of all sessions of a user, with their index entries. Returns how many. After an interruption, call
   * it again. Records that are created meanwhile may stay.
   */
  async forgetUser(user: Pick<SessionIdentity, "tenant" | "user">, options?: CallOptions): Promise<number> {
    const { tenant, user: name } = readNamed(user, "user", ["tenant", "user"]) as typeof user;
    return forgetUser(this.#records, userIdentity(tenant, name), readCallOptions(options).signal);
  }
}
