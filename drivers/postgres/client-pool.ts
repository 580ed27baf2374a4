import { StateError } from "../../src/contract/errors.js";
import { isTransient } from "../../src/rules/transient.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import type { Pieces } from "./answer-in-pieces.js";
import type { Row } from "./client.js";
import { Connection, type Parameter } from "./connection.js";
import { Doubts } from "./doubts.js";
import { DeadlinePassed, type Intent, ReadsOnly, translate } from "./errors.js";
import { checkedParameters } from "./parameters.js";
import type { PoolOptions } from "./pool-options.js";
import { readPatience } from "./read-patience.js";
import { search } from "./search.js";
import { ServerWatch } from "./server-watch.js";
import { TimersStandStill } from "./standing-timers.js";
import { Waiters } from "./waiters.js";

const MOST_WAITING = 10_000;

/** Less than any network forgets an idle line in, and so seldom that it costs nothing. */
const STALE_MS = 10_000;

/** No login takes longer, in milliseconds: what is silent for so long is dialed anew. */
const MOST_CONNECT_MS = 10_000;

/** How long an idle connection may take to say good-bye, in seconds. */
const GOOD_BYE_S = 1;

/** Of the time left, what a proof may take of a connection that was not used for a while, and at most, in milliseconds. */
const PROOF_SHARE = 1 / 3;
const MOST_PROOF_MS = 2000;

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
  readonly #waiters = new Waiters();
  readonly #closing = new AbortController();
  /** Searches under way; each brings one connection. */
  #searches = 0;
  /** Why the last search found nothing, until one finds something. */
  #trouble: StateError | undefined;
  readonly #doubts = new Doubts();
  readonly #watch: ServerWatch;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#watch = new ServerWatch({
      hosts: options.hosts,
      dial: (host, mostMs) => this.#dial(host, mostMs),
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
    pieces?: Pieces,
  ): Promise<readonly Row[]> {
    const given = checkedParameters(parameters);
    const connection = await this.#acquire(deadline, deadline);
    try {
      const until = intent === "read" ? readPatience(deadline) : deadline;
      const rows = await connection.ask(text, given, until, pieces);
      if (intent === "write" && this.#doubts.any) await this.#doubts.settle(connection, deadline);
      this.#options.hosts.heard(connection.host);
      this.#release(connection);
      return rows;
    } catch (error) {
      this.#discard(connection, error);
      pieces?.signal?.throwIfAborted();
      const failure = this.#isClosed && intent === "read" ? closed() : translate(error, intent);
      if (failure.code === "OUTCOME_UNKNOWN") this.#doubts.add();
      throw failure;
    }
  }

  /** Resolves when there is a connection; a server that is not there is waited for only so long, in milliseconds. */
  async connect(patienceMs: number): Promise<void> {
    const now = monotonicMs();
    const deadline = now + Math.max(patienceMs, this.#options.timeoutMs);
    this.#release(await this.#acquire(deadline, now + patienceMs));
  }

  /** How many connections it may have. */
  get most(): number {
    return this.#options.size;
  }

  status(): { size: number; idle: number; waiting: number } {
    return { size: this.#size, idle: this.#idle.length, waiting: this.#waiters.count };
  }

  /** Ends the connections that nobody uses now. */
  async rest(): Promise<void> {
    await Promise.all([...this.#idle].map((idle) => this.#drop(idle, GOOD_BYE_S)));
  }

  /** Ends every connection, also of statements under way; whoever waits for one is turned away. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#waiters.turnAway(closed());
    const idle = new Set(this.#idle);
    const all = [...this.#members, ...this.#dials];
    await Promise.all(all.map((one) => this.#drop(one, idle.has(one) ? GOOD_BYE_S : 0)));
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  get #size(): number {
    return this.#members.size + this.#searches;
  }

  async #acquire(deadline: number, giveUpAt: number): Promise<Connection> {
    for (;;) {
      if (this.#isClosed) throw closed();
      const connection = this.#idle.pop() ?? (await this.#wait(deadline, giveUpAt));
      if (monotonicMs() >= deadline) {
        this.#release(connection);
        throw this.#waitedTooLong();
      }
      if (!connection.isStale || (await this.#isStillReady(connection, deadline))) return connection;
    }
  }

  #wait(deadline: number, giveUpAt: number): Promise<Connection> {
    if (this.#waiters.count >= MOST_WAITING)
      throw busy("too many calls wait for a connection: raise poolSize");
    const waiting = this.#waiters.add(deadline, giveUpAt, () => this.#waitedTooLong());
    this.#grow();
    return waiting;
  }

  /** By now it may be to nobody, or to a server that no longer writes. */
  async #isStillReady(connection: Connection, deadline: number): Promise<boolean> {
    const now = monotonicMs();
    try {
      await connection.prove(now + Math.min(MOST_PROOF_MS, (deadline - now) * PROOF_SHARE));
      this.#options.hosts.heard(connection.host);
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
    else if (!this.#waiters.serve(connection)) this.#idle.push(connection);
  }

  /** Nobody waits for it any more; somebody will, if there is room for it. */
  #keep(late: Connection): void {
    if (this.#size > this.#options.size) this.#drop(late, GOOD_BYE_S);
    else this.#release(late);
  }

  /** Takes out of use what failed; the others must show that what was wrong with it is not wrong with them. */
  #discard(connection: Connection, error: unknown): void {
    this.#drop(connection);
    if (error instanceof DeadlinePassed || translate(error, "read") instanceof ReadsOnly) {
      for (const other of this.#membersOf(connection.host)) other.doubt();
    }
  }

  /** Searches for as many connections as are waited for; only one search at a time where there is no server. */
  #grow(): void {
    while (!this.#isClosed && this.#searches < this.#waiters.count && this.#size < this.#options.size) {
      if (this.#trouble !== undefined && this.#searches > 0) return;
      this.#searches++;
      void this.#search();
    }
  }

  async #search(): Promise<void> {
    const found = await search({
      hosts: this.#options.hosts,
      dial: (host) => this.#dial(host, this.#options.connectMs ?? MOST_CONNECT_MS),
      spare: (late) => this.#keep(late),
      failed: (errors) => this.#noteTrouble(errors as readonly StateError[]),
      wanted: () => this.#waiters.count > 0 && (this.#trouble === undefined || this.#searches === 1),
      signal: this.#closing.signal,
    });
    this.#searches--;
    if (found !== undefined) {
      this.#trouble = undefined;
      // A server that took the place of another.
      for (const other of this.#members) if (other.server !== found.server) other.doubt();
      this.#release(found);
    }
    this.#grow();
  }

  /** A connection that has proved itself: what fails before has written nothing. */
  async #dial(host: number, mostMs: number): Promise<Connection> {
    const { hosts } = this.#options;
    let connection: Connection | undefined;
    try {
      connection = this.#make(host);
      this.#dials.add(connection);
      await connection.prove(monotonicMs() + Math.min(mostMs, MOST_CONNECT_MS));
      if (this.#isClosed) throw closed();
      this.#dials.delete(connection);
      this.#members.add(connection);
      hosts.found(host);
      return connection;
    } catch (error) {
      if (error instanceof DeadlinePassed) hosts.silent(host);
      else hosts.missed(host);
      if (connection !== undefined) this.#drop(connection);
      const failure = this.#isClosed ? closed() : translate(error, "read");
      // It is the same with every host, and with dials that are still under way.
      if (error instanceof TimersStandStill) this.#noteTrouble([failure]);
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
      if (!this.#isClosed) void this.#watch.lookAfter(slow.host);
    };
    connection = new Connection(client, host, { prepare, statementTimeoutMs, staleMs, onSlow });
    return connection;
  }

  /** Turns away who does not wait for better times, and everybody where no time will help. */
  #noteTrouble(failures: readonly StateError[]): void {
    const lasting = failures.find((failure) => !isTransient(failure));
    const standby = failures.find((failure) => failure instanceof ReadsOnly);
    const trouble = lasting ?? standby ?? failures.at(-1);
    this.#trouble = trouble;
    const isHopeless = !failures.some(isTransient) && this.#members.size === 0;
    this.#waiters.turnAway(trouble, isHopeless ? Number.POSITIVE_INFINITY : monotonicMs());
  }

  #membersOf(host: number): readonly Connection[] {
    return [...this.#members].filter((member) => member.host === host);
  }

  #waitedTooLong(): StateError {
    if (this.#members.size > 0) return busy("no connection became free in time: raise poolSize");
    return this.#trouble ?? translate(new DeadlinePassed(), "read");
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
