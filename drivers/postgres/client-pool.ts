import { isStateError, StateError } from "../../src/contract/errors.js";
import { isTransient } from "../../src/rules/transient.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import type { ChunkOptions } from "./chunked-answer.js";
import type { Row } from "./client.js";
import { Connection, type Parameter } from "./connection.js";
import { ConnectionQueue } from "./connection-queue.js";
import { DeadlinePassed, type Intent, ReadOnlyServer, RightMissing, translate } from "./errors.js";
import { checkedParameters } from "./parameters.js";
import type { PoolOptions } from "./pool-options.js";
import { readDeadline } from "./read-deadline.js";
import { search } from "./search.js";
import { ServerWatch } from "./server-watch.js";
import { TimersStalled } from "./stalled-timers.js";
import { UnknownOutcomes } from "./unknown-outcomes.js";

const MAX_WAITING = 10_000;

/** Networks drop idle connections after a longer time than this, and probing so seldom costs nothing. */
const STALE_MS = 10_000;

/** No login takes longer than this, in milliseconds: a host that is silent for so long is dialed again. */
const MAX_CONNECT_MS = 10_000;

/** How long an idle connection may take to close politely, in seconds. */
const CLOSE_GRACE_S = 1;

/** A probe of a connection that was idle for a while may take this share of the time left, and at most this many milliseconds. */
const PROBE_SHARE = 1 / 3;
const MAX_PROBE_MS = 2000;

/**
 * A pool of connections that are known to be ready. Clients of the `postgres` package are safe to use only in this way:
 * each has one connection and one statement at a time, parameters need no serializing, everything has a deadline, and a
 * client that failed is never used again.
 *
 * While no server can be reached, one search runs for all waiting calls, and each call waits until its own deadline.
 */
export class ClientPool {
  readonly #options: PoolOptions;
  /** Connections that passed a probe. */
  readonly #members = new Set<Connection>();
  /** Connections that are being made. */
  readonly #dials = new Set<Connection>();
  readonly #idle: Connection[] = [];
  readonly #queue = new ConnectionQueue();
  readonly #closing = new AbortController();
  /** The number of searches under way. Each of them yields one connection. */
  #searches = 0;
  /** Why the last search found nothing; reset when a search succeeds. */
  #lastFailure: StateError | undefined;
  readonly #unknownOutcomes = new UnknownOutcomes();
  readonly #watch: ServerWatch;
  /** Columns that probes of new connections ask for, and the rows in which they were answered. */
  #asked: string | undefined;
  readonly #answers = new WeakMap<Connection, Row | undefined>();

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#watch = new ServerWatch({
      hosts: options.hosts,
      dial: (host, maxMs) => this.#dial(host, maxMs),
      membersOf: (host) => this.#membersOf(host),
      drop: (connection) => void this.#drop(connection),
    });
  }

  /**
   * Runs one statement and resolves with its rows. Rejects with a StateError, at the latest at the deadline, which is a
   * time of `monotonicMs`.
   */
  async run(
    text: string,
    parameters: readonly Parameter[],
    intent: Intent,
    deadline = monotonicMs() + this.#options.timeoutMs,
    chunks?: ChunkOptions,
  ): Promise<readonly Row[]> {
    const given = checkedParameters(parameters);
    const connection = await this.#acquire(deadline, deadline);
    try {
      const until = intent === "read" ? readDeadline(deadline) : deadline;
      const rows = await connection.query(text, given, until, chunks);
      if (intent === "write" && this.#unknownOutcomes.hasUnsettled)
        await this.#unknownOutcomes.settle(connection, deadline);
      this.#options.hosts.markHeard(connection.host);
      this.#release(connection);
      return rows;
    } catch (error) {
      this.#discard(connection, error);
      chunks?.signal?.throwIfAborted();
      const failure = this.#isClosed && intent === "read" ? closed() : translate(error, intent);
      if (failure.code === "OUTCOME_UNKNOWN") this.#unknownOutcomes.add();
      throw failure;
    }
  }

  /**
   * Resolves when there is a connection. Waits at most `serverWaitMs` milliseconds for a server that cannot be reached.
   * Resolves with a row that has these columns, which takes no round trip more; `undefined` if the server refused them.
   */
  async connect(serverWaitMs: number, columns?: string): Promise<Row | undefined> {
    const now = monotonicMs();
    const deadline = now + Math.max(serverWaitMs, this.#options.timeoutMs);
    this.#asked = columns;
    try {
      const connection = await this.#acquire(deadline, now + serverWaitMs);
      this.#release(connection);
      return this.#answers.get(connection);
    } finally {
      this.#asked = undefined;
    }
  }

  /** The largest number of connections. */
  get maxConnections(): number {
    return this.#options.size;
  }

  status(): { size: number; idle: number; waiting: number } {
    return { size: this.#size, idle: this.#idle.length, waiting: this.#queue.count };
  }

  /** Ends the idle connections. */
  async closeIdle(): Promise<void> {
    await Promise.all([...this.#idle].map((idle) => this.#drop(idle, CLOSE_GRACE_S)));
  }

  /** Ends every connection, also those with a statement under way, and rejects all waiting calls. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#queue.reject(closed());
    const idle = new Set(this.#idle);
    const all = [...this.#members, ...this.#dials];
    await Promise.all(all.map((one) => this.#drop(one, idle.has(one) ? CLOSE_GRACE_S : 0)));
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  get #size(): number {
    return this.#members.size + this.#searches;
  }

  async #acquire(deadline: number, serverWaitUntil: number): Promise<Connection> {
    for (;;) {
      if (this.#isClosed) throw closed();
      const connection = this.#idle.pop() ?? (await this.#wait(deadline, serverWaitUntil));
      if (monotonicMs() >= deadline) {
        this.#release(connection);
        throw this.#waitedTooLong();
      }
      if (!connection.isStale || (await this.#isStillReady(connection, deadline))) return connection;
    }
  }

  #wait(deadline: number, serverWaitUntil: number): Promise<Connection> {
    if (this.#queue.count >= MAX_WAITING) throw busy("too many calls wait for a connection: raise poolSize");
    const waiting = this.#queue.add(deadline, serverWaitUntil, () => this.#waitedTooLong());
    this.#grow();
    return waiting;
  }

  /** Probes a connection that was idle: its server may be gone, or may have become a standby. */
  async #isStillReady(connection: Connection, deadline: number): Promise<boolean> {
    const now = monotonicMs();
    try {
      await connection.probe(now + Math.min(MAX_PROBE_MS, (deadline - now) * PROBE_SHARE));
      this.#options.hosts.markHeard(connection.host);
      return true;
    } catch (error) {
      this.#discard(connection, error);
      // The network that dropped this connection without notice may have dropped the other idle ones too.
      if (error instanceof DeadlinePassed)
        for (const idle of this.#idle.filter(({ isStale }) => isStale)) this.#drop(idle);
      return false;
    }
  }

  #release(connection: Connection): void {
    if (connection.dead || this.#isClosed) this.#drop(connection);
    else if (!this.#queue.serve(connection)) this.#idle.push(connection);
  }

  /** A connection that came after the search ended: keeps it if the pool has room. */
  #keepSpare(late: Connection): void {
    if (this.#size > this.#options.size) this.#drop(late, CLOSE_GRACE_S);
    else this.#release(late);
  }

  /** Drops a connection that failed. If the server may be the cause, its other connections are probed before their next use. */
  #discard(connection: Connection, error: unknown): void {
    this.#drop(connection);
    if (error instanceof DeadlinePassed || translate(error, "read") instanceof ReadOnlyServer) {
      for (const other of this.#membersOf(connection.host)) other.markStale();
    }
  }

  /** Starts one search per waiting call; only one search in all while no server can be reached. */
  #grow(): void {
    while (!this.#isClosed && this.#searches < this.#queue.count && this.#size < this.#options.size) {
      if (this.#lastFailure !== undefined && this.#searches > 0) return;
      this.#searches++;
      void this.#search();
    }
  }

  async #search(): Promise<void> {
    const found = await search({
      hosts: this.#options.hosts,
      dial: (host) => this.#dial(host, this.#options.connectMs ?? MAX_CONNECT_MS),
      onSpare: (late) => this.#keepSpare(late),
      onRoundFailed: (errors) => this.#recordFailure(errors as readonly StateError[]),
      isWanted: () => this.#queue.count > 0 && (this.#lastFailure === undefined || this.#searches === 1),
      signal: this.#closing.signal,
    });
    this.#searches--;
    if (found !== undefined) {
      this.#lastFailure = undefined;
      // Another server has taken over: connections to the old one are probed before their next use.
      for (const other of this.#members) if (other.server !== found.server) other.markStale();
      this.#release(found);
    }
    this.#grow();
  }

  /** Makes a connection and probes it. A failure here has written nothing. */
  async #dial(host: number, maxMs: number): Promise<Connection> {
    const asked = this.#asked;
    if (asked === undefined) return this.#dialOnce(host, maxMs);
    try {
      return await this.#dialOnce(host, maxMs, asked);
    } catch (error) {
      if (isStateError(error, "UNAVAILABLE") && !(error instanceof RightMissing)) throw error;
      // What is missing is none of the connection's readiness. A client that got an error is not used again.
      this.#asked = undefined;
      return this.#dialOnce(host, maxMs);
    }
  }

  async #dialOnce(host: number, maxMs: number, asked?: string): Promise<Connection> {
    const { hosts } = this.#options;
    let connection: Connection | undefined;
    try {
      connection = this.#make(host);
      this.#dials.add(connection);
      const row = await connection.probe(monotonicMs() + Math.min(maxMs, MAX_CONNECT_MS), asked);
      if (asked !== undefined) this.#answers.set(connection, row);
      if (this.#isClosed) throw closed();
      this.#dials.delete(connection);
      this.#members.add(connection);
      hosts.markPrimary(host);
      return connection;
    } catch (error) {
      if (error instanceof DeadlinePassed) hosts.markSilent(host);
      else hosts.markNotPrimary(host);
      if (connection !== undefined) this.#drop(connection);
      const failure = this.#isClosed ? closed() : translate(error, "read");
      // Stalled timers affect every host, and the dials that are still under way.
      if (error instanceof TimersStalled) this.#recordFailure([failure]);
      throw failure;
    }
  }

  #make(host: number): Connection {
    const { connect, prepare, ownsClients = false, statementTimeoutMs, staleMs = STALE_MS } = this.#options;
    let connection: Connection | undefined;
    const client = connect(host, {
      closed: () => connection && this.#onClosed(connection),
      notice: (notice) => connection?.notice(notice),
    });
    const onSlow = (slow: Connection) => {
      if (!this.#isClosed) void this.#watch.check(slow.host);
    };
    connection = new Connection(client, host, {
      prepare,
      ownsClient: ownsClients,
      statementTimeoutMs,
      staleMs,
      onSlow,
    });
    return connection;
  }

  /** Rejects the calls that do not wait for a server any longer, or all waiting calls if waiting cannot help. */
  #recordFailure(failures: readonly StateError[]): void {
    const lasting = failures.find((failure) => !isTransient(failure));
    const standby = failures.find((failure) => failure instanceof ReadOnlyServer);
    const failure = lasting ?? standby ?? failures.at(-1);
    this.#lastFailure = failure;
    const isHopeless = !failures.some(isTransient) && this.#members.size === 0;
    this.#queue.reject(failure, isHopeless ? Number.POSITIVE_INFINITY : monotonicMs());
  }

  #membersOf(host: number): readonly Connection[] {
    return [...this.#members].filter((member) => member.host === host);
  }

  #waitedTooLong(): StateError {
    if (this.#members.size > 0) return busy("no connection became free in time: raise poolSize");
    return this.#lastFailure ?? translate(new DeadlinePassed(), "read");
  }

  /** Takes a connection out of the pool and ends it. Does nothing the second time. Never rejects. */
  async #drop(connection: Connection, timeout = 0): Promise<void> {
    if (!this.#members.delete(connection) && !this.#dials.delete(connection)) return;
    connection.dead = true;
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
    this.#grow();
    await connection.end(timeout);
  }

  #onClosed(connection: Connection): void {
    connection.dead = true;
    if (this.#idle.includes(connection)) this.#drop(connection);
  }
}

function busy(message: string): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", message, { details: { reason: "busy" } });
}

function closed(): StateError<"STORE_CLOSED"> {
  return new StateError("STORE_CLOSED", "the store is closed", { details: {} });
}
