import type {
  ApplyOptions,
  CallLimit,
  ChangeFeed,
  Commit,
  CountQuery,
  Driver,
  DriverStatus,
  EraseTarget,
  Layer,
  Outcome,
  ScanPage,
  ScanQuery,
  Session,
  SessionsPage,
  SessionsQuery,
  Slot,
  StoredRecord,
  Swept,
} from "../../src/contract/driver.js";
import { isStateError, StateError } from "../../src/contract/errors.js";
import type { EventId } from "../../src/contract/store.js";
import { retrying } from "../../src/layers/retrying.js";
import { verdictOf } from "../../src/rules/batch-verdict.js";
import { AFTER_ALL, eraseRange } from "../../src/rules/erase-range.js";
import { compareByIdentity, kindRange, prefixEnd } from "../../src/rules/order.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { firstPageOf } from "../first-page.js";
import { outdated, pendingAt } from "../migrations.js";
import { arrayLiteral, type Outcomes } from "./batch.js";
import { BatchStatement, packOrReject } from "./batch-statement.js";
import type { ChunkOptions } from "./chunked-answer.js";
import type { Row } from "./client.js";
import type { ClientPool } from "./client-pool.js";
import { DEADLINE, type Parameter } from "./connection.js";
import { lockTimeoutMs } from "./connector.js";
import { Exhausted, IncompleteAnswer, type Intent, LockNotFree, translate } from "./errors.js";
import type { Isolation } from "./isolation/isolation.js";
import { LockedSessions } from "./locked-sessions.js";
import { absentSchema, schemaVersion } from "./migrator.js";
import type { Names } from "./names.js";
import type { Notifications } from "./notifications.js";
import { missingRights } from "./rights.js";
import { RowPage, recordOf, slotOfRow } from "./rows.js";
import { migrationsOf } from "./schema.js";
import { MAX_ERASED_AT_ONCE } from "./session-locks.js";
import { notifying, type Statements, statementsOf } from "./statements.js";

export interface PostgresDriverOptions {
  readonly names: Names;
  /** Masked. */
  readonly target: string;
  /** The time limit of a call, in milliseconds. */
  readonly timeoutMs: number;
  /** No statement is about several tenants. Default false. */
  readonly oneTenant?: boolean;
  /** Whether batches notify of what they write. */
  readonly notify?: boolean;
  /** What other stores notify of; absent if the driver does not listen. */
  readonly notifications?: Notifications | undefined;
  /** Present if each statement runs as one tenant. `oneTenant` is then set. */
  readonly isolation?: Isolation | undefined;
}

/**
 * How long a batch waits for sessions that another writer holds, in milliseconds. A write usually takes only a few, and a
 * slow one must not delay the other commits of the batch.
 */
const SESSION_LOCK_MS = 25;
/** The same for any other lock. */
const ROW_LOCK_MS = 200;

/** How many tenants one page of a scan seeks, and how many erased records it passes over, at most. */
const MAX_SCAN_WORK = 2000;

/** The largest chunk of a long list. */
const LIST_CHUNK = { rows: 200, bytes: 256 * 1024 };

/** A placeholder for the outcome of a commit that comes later. */
const STILL_WAITING: Outcome = {
  is: "failed",
  error: new StateError("UNAVAILABLE", "another writer holds the lock of the session", {
    details: { reason: "busy" },
  }),
};

const SLOT = ["tenant", "user", "session", "run", "kind"] as const;

/** Runs each operation as one statement. No state outlives it on the connection, so poolers work in any mode. */
export class PostgresDriver implements Driver {
  readonly name = "postgres";
  readonly layers: readonly Layer[];
  /** Two, so that one batch is prepared or sent while the server works on another. */
  readonly inFlight = 2;
  readonly timeoutMs: number;
  readonly batchesOneTenant: boolean;
  /** Leaves connections for writes, so that many reads cannot make a write wait for one. */
  readonly readsInFlight: number;
  readonly changes?: ChangeFeed;
  readonly #pool: ClientPool;
  readonly #options: PostgresDriverOptions;
  readonly #statements: Statements;
  readonly #batch: BatchStatement;
  readonly #lockedSessions: LockedSessions;

  constructor(pool: ClientPool, options: PostgresDriverOptions) {
    this.timeoutMs = options.timeoutMs;
    this.batchesOneTenant = options.oneTenant ?? false;
    this.layers = [retrying({ withinMs: options.timeoutMs })];
    this.#pool = pool;
    this.readsInFlight = Math.max(2, pool.maxConnections - this.inFlight);
    this.#options = options;
    this.#statements = statementsOf(options.names);
    this.#batch = new BatchStatement(
      (text, values, deadline, tenant) => this.#query(tenant, text, values, "write", deadline),
      this.#statements,
      {
        notifying: options.notify
          ? (text, parameters) => notifying(options.names, text, parameters)
          : undefined,
        isolated: options.isolation !== undefined,
      },
    );
    if (options.notifications !== undefined) this.changes = options.notifications;
    this.#lockedSessions = new LockedSessions(this.#batch, this.batchesOneTenant);
  }

  async apply(commits: readonly Commit[], given: ApplyOptions): Promise<readonly Outcome[]> {
    this.#requireOneTenant(commits);
    const until = given.deadline ?? this.#deadline();
    const options = { ...given, deadline: until };
    const outcomes = new Array<Outcome | undefined>(commits.length);
    const deferred = new Map<number, Promise<Outcome>>();
    const setAside = (index: number) => {
      const outcome = this.#lockedSessions.add(commits[index] as Commit, options, until);
      deferred.set(index, outcome);
      options.setAside?.(index, outcome);
    };
    const anyHeldBack = packOrReject(() => this.#lockedSessions.holdsBackAny(commits));
    const free: number[] = [];
    for (const [index, commit] of commits.entries()) {
      if (anyHeldBack && this.#lockedSessions.holdsBack(commit)) setAside(index);
      else free.push(index);
    }
    const rest = free.map((index) => commits[index] as Commit);
    const found = await (deferred.size === 0
      ? this.#applyFree(rest, options)
      : this.#applyRest(rest, options));
    for (const [place, index] of free.entries()) {
      outcomes[index] = found[place];
      if (found[place] === undefined) setAside(index);
    }
    for (const [index, outcome] of deferred)
      outcomes[index] = options.setAside === undefined ? await outcome : STILL_WAITING;
    return outcomes as readonly Outcome[];
  }

  async read(
    slots: readonly Slot[],
    { deadline }: CallLimit = {},
  ): Promise<readonly (StoredRecord | undefined)[]> {
    this.#requireOneTenant(slots);
    const [slot] = slots;
    if (slot !== undefined && slots.length === 1) return [await this.#readOne(slot, deadline)];
    const rows = await this.#query(
      slot?.tenant,
      this.#statements.readMany,
      columnsOf(slots),
      "read",
      deadline,
    );
    const records = new Array<StoredRecord | undefined>(slots.length).fill(undefined);
    for (const row of rows) records[Number(row.place) - 1] = recordOf(row);
    return records;
  }

  async readEventIds(
    slots: readonly Slot[],
    { deadline }: CallLimit = {},
  ): Promise<readonly (EventId | undefined)[]> {
    this.#requireOneTenant(slots);
    const { readEventIds } = this.#statements;
    const rows = await this.#query(slots[0]?.tenant, readEventIds, columnsOf(slots), "read", deadline);
    const found = new Array<EventId | undefined>(slots.length).fill(undefined);
    for (const row of rows) found[Number(row.place) - 1] = row.event_id as EventId;
    return found;
  }

  async readByEventId(
    { tenant, user, session }: Session,
    eventId: string,
    { deadline }: CallLimit = {},
  ): Promise<StoredRecord | undefined> {
    const [row] = await this.#query(
      tenant,
      this.#statements.readByEventId,
      [tenant, user, session, eventId],
      "read",
      deadline,
    );
    return row && recordOf(row);
  }

  async scan(query: ScanQuery, { deadline, signal }: CallLimit = {}): Promise<ScanPage> {
    if (query.identity === undefined) return (await this.#page(query, deadline)).toPage(query);
    const first = firstPageOf(query);
    const begin = await this.#page(first, deadline);
    const { next, more } = begin.toPage(first);
    if (!more || next !== undefined || begin.isFull(query)) return begin.toPage(query);
    return (await this.#page(query, deadline, { rows: rowsPerChunk(begin.size), signal })).toPage(query);
  }

  async count({ identity, limit, ...range }: CountQuery, { deadline }: CallLimit = {}): Promise<number> {
    const { tenant, user, session, run } = identity;
    const { from, until = AFTER_ALL } = kindRange(range);
    const parameters = [tenant, user, session, run, from, until, String(limit)] as const;
    const [row] = await this.#query(tenant, this.#statements.count, parameters, "read", deadline);
    return Number(row?.count);
  }

  async scanSessions(query: SessionsQuery, { deadline }: CallLimit = {}): Promise<SessionsPage> {
    const { tenant, user, prefix, limit } = query;
    const first = { tenant, user, session: prefix, run: "", kind: "" };
    const after =
      query.after !== undefined && compareByIdentity(query.after, first) > 0 ? query.after : first;
    const { session, run, kind } = after;
    const until = prefixEnd(prefix) ?? AFTER_ALL;
    const parameters = [
      tenant,
      user,
      until,
      session,
      run,
      kind,
      String(limit),
      String(MAX_SCAN_WORK),
    ] as const;
    const rows = await this.#query(tenant, this.#statements.scanSessions, parameters, "read", deadline);
    const sessions: string[] = [];
    let next: Slot | undefined;
    for (const row of rows) {
      const place = Number(row.place);
      const at = slotOfRow({ ...row, tenant, user_id: user });
      if (place === 0) next = at;
      else if (sessions.push(at.session) !== place) throw translate(new IncompleteAnswer(), "read");
    }
    return next === undefined
      ? { sessions, more: sessions.length === limit }
      : { sessions, more: true, next };
  }

  async sweep(target: EraseTarget, { deadline = this.#deadline() }: CallLimit = {}): Promise<Swept> {
    const lockMs = Math.max(1, lockTimeoutMs(deadline - monotonicMs()));
    const { tenant, user, session } = target;
    const { from, until } = eraseRange(target);
    const place = [tenant, user, session, from.run, from.kind, until.run, until.kind];
    const parameters = [String(lockMs), DEADLINE, ...place, String(MAX_ERASED_AT_ONCE), "1"] as const;
    // Sent as a read: a repeated sweep does no harm.
    const [row] = await this.#query(tenant, this.#statements.sweep, parameters, "read", deadline);
    return { removed: Number(row?.removed), more: row?.more === true };
  }

  async status({ deadline = this.#deadline() }: CallLimit = {}): Promise<DriverStatus> {
    const { names, target } = this.#options;
    const version = await schemaVersion(this.#pool, names, deadline);
    const pending = pendingAt(version, migrationsOf(names)).map((migration) => migration.name);
    const missing = await missingRights(this.#pool, names, deadline);
    return {
      target,
      schemaVersion: version,
      pendingMigrations: pending,
      ...(missing.length === 0 ? {} : { missingRights: missing }),
      pool: this.#pool.status(),
    };
  }

  async close(): Promise<void> {
    const { notifications, isolation } = this.#options;
    await Promise.all([notifications?.close(), isolation?.close(), this.#pool.close()]);
  }

  /** A store that does not keep tenants apart divides the call, because it was refused as a whole. */
  #requireOneTenant(all: readonly { readonly tenant: string }[]): void {
    if (!this.batchesOneTenant || all.every(({ tenant }) => tenant === all[0]?.tenant)) return;
    throw new StateError("UNAVAILABLE", "a call of several tenants, which `batch` does not allow", {
      details: { reason: "refused" },
    });
  }

  async #readOne(slot: Slot, deadline: number | undefined): Promise<StoredRecord | undefined> {
    const parameters = SLOT.map((name) => slot[name]);
    const [row] = await this.#query(slot.tenant, this.#statements.read, parameters, "read", deadline);
    return row && recordOf(row);
  }

  /** Reads one page. With `chunks` the rows come in parts, still from the snapshot of one statement. */
  async #page(
    query: ScanQuery,
    deadline: number | undefined,
    chunks?: Pick<ChunkOptions, "rows" | "signal">,
  ): Promise<RowPage> {
    const page = new RowPage();
    const take = (rows: readonly Row[]) => {
      if (!page.add(rows)) throw translate(new IncompleteAnswer(), "read");
    };
    const { scan, scanHeaders } = this.#statements;
    const statement = query.bytes === false ? scanHeaders : scan;
    const parameters = scanParameters(query);
    const taking = chunks && { ...chunks, take };
    take(await this.#query(query.tenant, statement, parameters, "read", deadline, taking));
    return page;
  }

  /** Never rejects, because other commits of the call are still waiting. A commit that is refused fails alone. */
  async #applyRest(commits: readonly Commit[], options: ApplyOptions): Promise<Outcomes> {
    try {
      return await this.#applyFree(commits, options);
    } catch (error) {
      if (commits.length === 1 || verdictOf(error) !== "refused")
        return commits.map(() => ({ is: "failed", error: error as StateError }));
      const outcomes: (Outcome | undefined)[] = [];
      for (const commit of commits) outcomes.push(...(await this.#applyRest([commit], options)));
      return outcomes;
    }
  }

  /** Writes the commits as one batch; `undefined` for a commit that a lock of another connection blocks. */
  async #applyFree(commits: readonly Commit[], options: ApplyOptions): Promise<Outcomes> {
    if (commits.length === 0) return [];
    const { deadline = this.#deadline() } = options;
    for (const careful of [false, true]) {
      // A third of the time left: the rest is for the second try and its answer.
      const rowsMs = Math.max(1, Math.min(ROW_LOCK_MS, Math.floor((deadline - monotonicMs()) / 3)));
      try {
        const sessionsMs = careful ? 0 : SESSION_LOCK_MS;
        return await this.#batch.send(commits, options, { sessionsMs, rowsMs, careful });
      } catch (error) {
        if (error instanceof Exhausted && commits.length === 1) throw error.asBusy();
        if (!(error instanceof LockNotFree)) throw error;
      }
    }
    return commits.map(() => undefined);
  }

  /** Runs one statement, as this tenant or as none. If a part of the schema is missing, the error says which. */
  async #query(
    tenant: string | undefined,
    text: string,
    parameters: readonly Parameter[],
    intent: Intent,
    deadline = this.#deadline(),
    chunks?: ChunkOptions,
  ): Promise<readonly Row[]> {
    const { isolation } = this.#options;
    try {
      if (isolation !== undefined && tenant === undefined)
        return await isolation.adminPool().run(text, parameters, intent, deadline, chunks);
      if (isolation === undefined || tenant === undefined)
        return await this.#pool.run(text, parameters, intent, deadline, chunks);
      const { proof } = isolation;
      const [statement, given] = [
        proof.statement(text, parameters.length),
        [...parameters, proof.of(tenant)],
      ];
      return await this.#pool.run(statement, given, intent, deadline, chunks);
    } catch (error) {
      throw isStateError(error, "SCHEMA_OUTDATED") ? await this.#explain(error, deadline) : error;
    }
  }

  async #explain(error: StateError, deadline: number): Promise<StateError> {
    const { names } = this.#options;
    const version = await schemaVersion(this.#pool, names, deadline);
    const pending = pendingAt(version, migrationsOf(names));
    if (pending.length > 0)
      return outdated(version, pending, await absentSchema(this.#pool, names, deadline));
    return new StateError(
      "CORRUPT",
      "tables or functions of the schema are missing: restore them from a backup",
      {
        details: {},
        cause: error.cause,
      },
    );
  }

  #deadline(): number {
    return monotonicMs() + this.#options.timeoutMs;
  }
}

/** The slots as one array per column. */
function columnsOf(slots: readonly Slot[]): readonly Parameter[] {
  return SLOT.map((name) => arrayLiteral(slots.map((slot) => slot[name])));
}

/** Rows per chunk, estimated from the first ones, so that a chunk takes only a few milliseconds. */
function rowsPerChunk({ records, bytes }: RowPage["size"]): number {
  const mostBytes = Math.floor((LIST_CHUNK.bytes * records) / (bytes + 1));
  return Math.max(1, Math.min(LIST_CHUNK.rows, mostBytes));
}

function scanParameters(query: ScanQuery): readonly Parameter[] {
  const { tenant, identity, prefix, after, limit, reverse } = query;
  // The function counts the payloads though they are not selected.
  const maxBytes = query.bytes === false ? Number.MAX_SAFE_INTEGER : query.maxBytes;
  // A scan across identities takes the slot after which it goes on as parameters of its own.
  const { from, until = AFTER_ALL } = kindRange(identity ? query : { prefix });
  const owner = identity ? [identity.user, identity.session, identity.run] : [null, null, null];
  const place =
    after && !identity
      ? [after.tenant, after.kind, after.user, after.session, after.run]
      : Array(5).fill(null);
  return [
    tenant ?? null,
    ...owner,
    from,
    until,
    String(reverse),
    ...place,
    String(limit),
    String(maxBytes),
    String(MAX_SCAN_WORK),
  ];
}
