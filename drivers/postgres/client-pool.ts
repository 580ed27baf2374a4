import { StateError } from "../../src/contract/errors.js";
import { isTransient } from "../../src/rules/transient.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import type { ChunkOptions } from "./chunked-answer.js";
import type { Row } from "./client.js";
import { Connection, type Parameter } from "./connection.js";
import { ConnectionQueue } from "./connection-queue.js";
import { DeadlinePassed, type Intent, ReadOnlyServer, translate } from "./errors.js";
import { checkedParameters } from "./parameters.js";
import type { PoolOptions } from "./pool-options.js";
import { readDeadline } from "./read-deadline.js";
import { search } from "./search.js";
import { ServerWatch } from "./server-watch.js";
import { TimersStalled } from "./stalled-timers.js";
import { UnknownOutcomes } from "./unknown-outcomes.js";

const MAX_WAITING = 10_000;

/** Less than any network forgets an idle line in, and so seldom that it costs nothing. */
const STALE_MS = 10_000;

/** No login takes longer, in milliseconds: what is silent for so long is dialed anew. */
const MAX_CONNECT_MS = 10_000;

/** How long an idle connection may take to say good-bye, in seconds. */
const CLOSE_GRACE_S = 1;

/** Of the time left, what a proof may take of a connection that was not used for a while, and at most, in milliseconds. */
const PROBE_SHARE = 1 / 3;
const MAX_PROBE_MS = 2000;

/**
 * Lends connections that are ready to whoever asks. The clients of `postgres` below them are safe to use only like this:
 * one connection each, one statement at a time, parameters that need no serializing, a deadline on everything, and one
 * that failed is never used again.
 *
 * Where no server is to be had, one search goes on for all who wait, and each of them waits until its own deadline.
 */
export class ClientPool {
  readonly #options: PoolOptions;
  /** Connections that have proved themselves, and those that are about to. */
  readonly #members = new Set<Connection>();
  readonly #dials = new Set<Connection>();
  readonly #idle: Connection[] = [];
  readonly #queue = new ConnectionQueue();
  readonly #closing = new AbortController();
  /** Searches under way; each brings one connection. */
  #searches = 0;
  /** Why the last search found nothing, until one finds something. */
  #lastFailure: StateError | undefined;
  readonly #unknownOutcomes = new UnknownOutcomes();
  readonly #watch: ServerWatch;

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
   * Runs one statement and resolves with its rows; rejects with a StateError, by the deadline, which is a time of
   * `monotonicMs`.
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

  /** Resolves when there is a connection; a server that is not there is waited for only so long, in milliseconds. */
  async connect(serverWaitMs: number): Promise<void> {
    const now = monotonicMs();
    const deadline = now + Math.max(serverWaitMs, this.#options.timeoutMs);
    this.#release(await this.#acquire(deadline, now + serverWaitMs));
  }

  /** How many connections it may have. */
  get maxConnections(): number {
    return this.#options.size;
  }

  status(): { size: number; idle: number; waiting: number } {
    return { size: this.#size, idle: this.#idle.length, waiting: this.#queue.count };
  }

  /** Ends the connections that nobody uses now. */
  async closeIdle(): Promise<void> {
    await Promise.all([...this.#idle].map((idle) => this.#drop(idle, CLOSE_GRACE_S)));
  }

  /** Ends every connection, also of statements under way; whoever waits for one is turned away. */
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

  /** By now it may be to nobody, or to a server that no longer writes. */
  async #isStillReady(connection: Connection, deadline: number): Promise<boolean> {
    const now = monotonicMs();
    try {
      await connection.probe(now + Math.min(MAX_PROBE_MS, (deadline - now) * PROBE_SHARE));
      this.#options.hosts.markHeard(connection.host);
      return true;
    } catch (error) {
      this.#discard(connection, error);
      // What swallowed this may have swallowed the lines of the others too, while nobody used them.
      if (error instanceof DeadlinePassed)
        for (const idle of this.#idle.filter(({ isStale }) => isStale)) this.#drop(idle);
      return false;
    }
  }

  #release(connection: Connection): void {
    if (connection.dead || this.#isClosed) this.#drop(connection);
    else if (!this.#queue.serve(connection)) this.#idle.push(connection);
  }

  /** Nobody waits for it any more; somebody will, if there is room for it. */
  #keepSpare(late: Connection): void {
    if (this.#size > this.#options.size) this.#drop(late, CLOSE_GRACE_S);
    else this.#release(late);
  }

  /** Takes out of use what failed; the others must show that what was wrong with it is not wrong with them. */
  #discard(connection: Connection, error: unknown): void {
    this.#drop(connection);
    if (error instanceof DeadlinePassed || translate(error, "read") instanceof ReadOnlyServer) {
      for (const other of this.#membersOf(connection.host)) other.markStale();
    }
  }

  /** Searches for as many connections as are waited for; only one search at a time where there is no server. */
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
      // A server that took the place of another.
      for (const other of this.#members) if (other.server !== found.server) other.markStale();
      this.#release(found);
    }
    this.#grow();
  }

  /** A connection that has proved itself: what fails before has written nothing. */
  async #dial(host: number, maxMs: number): Promise<Connection> {
    const { hosts } = this.#options;
    let connection: Connection | undefined;
    try {
      connection = this.#make(host);
      this.#dials.add(connection);
      await connection.probe(monotonicMs() + Math.min(maxMs, MAX_CONNECT_MS));
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
      // It is the same with every host, and with dials that are still under way.
      if (error instanceof TimersStalled) this.#recordFailure([failure]);
      throw failure;
    }
  }

  #make(host: number): Connection {
    const { connect, prepare, statementTimeoutMs, staleMs = STALE_MS } = this.#options;
    let connection: Connection | undefined;
    const client = connect(host, {
      closed: () => connection && this.#onClosed(connection),
      notice: (notice) => connection?.notice(notice),
    });
    const onSlow = (slow: Connection) => {
      if (!this.#isClosed) void this.#watch.check(slow.host);
    };
    connection = new Connection(client, host, { prepare, statementTimeoutMs, staleMs, onSlow });
    return connection;
  }

  /** Turns away who does not wait for better times, and everybody where no time will help. */
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

  /** Takes a connection out of use for good, once; never rejects. */
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
