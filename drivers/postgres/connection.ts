import { settlesWithin } from "../../src/timing/cancellation.js";
import { clearTimeout, monotonicMs, setTimeout, sleep, type Timer } from "../../src/timing/real-timers.js";
import { ChunkedAnswer, type ChunkOptions, isIncomplete } from "./chunked-answer.js";
import type { Answer, PooledClient, Row } from "./client.js";
import { DeadlinePassed, IncompleteAnswer, Unreplicated } from "./errors.js";
import { readiness, readinessOf } from "./readiness.js";
import { stalledTimers, TimersStalled, timersLookStalled } from "./stalled-timers.js";

/** A placeholder in parameters: becomes the call's deadline, in milliseconds since 1970 by the server's clock. */
export const DEADLINE = Symbol("the deadline of the call");
/**
 * The only parameters ever sent. The client mixes up its answers when it cannot serialize a parameter, and serializes
 * parameters twice when a pooler forgot a prepared statement. Only text survives that unchanged.
 */
export type Parameter = string | null | typeof DEADLINE;

export interface ConnectionOptions {
  readonly prepare: boolean;
  readonly ownsClient: boolean;
  /** The session's `statement_timeout`, if the driver set one. */
  readonly statementTimeoutMs?: number | undefined;
  /** How old the last probe may be when the connection is used, in milliseconds. */
  readonly staleMs: number;
  /** Called when a statement has had no answer for long, and again after twice that time. */
  readonly onSlow: (connection: Connection) => void;
}

/** The server routine in which a commit waits for standbys. The notice's text depends on the server's language. */
const WAIT_FOR_STANDBY = "SyncRepWaitForLSN";

/** How long the client may take beyond its own timeout for ending, in milliseconds. */
const CLOSE_GRACE_MS = 250;

/** How long a client takes at most to notice that its socket was destroyed, in milliseconds. */
const SOCKET_CLOSE_MS = 50;

/** How long a server may take to answer before it is checked, in milliseconds. */
const SLOW_MS = 1200;

/**
 * A client with one connection. It runs one statement at a time, with a deadline. After a failure it is never used
 * again: a client that goes on after an error may hang, or give one statement the answer of another.
 */
export class Connection {
  readonly client: PooledClient;
  /** The index of its host. */
  readonly host: number;
  /** Ended, or about to be. */
  dead = false;
  /** When the statement under way was sent. */
  askedAt: number | undefined;
  readonly #options: ConnectionOptions;
  /** The server's clock (milliseconds since 1970) minus this process's monotonic clock; never too high. */
  #clockOffsetMs = 0;
  #probedAt = Number.NEGATIVE_INFINITY;
  #server = "";
  #isUnreplicated = false;

  constructor(client: PooledClient, host: number, options: ConnectionOptions) {
    this.client = client;
    this.host = host;
    this.#options = options;
  }

  /** Identifies its server: the time when that was started. */
  get server(): string {
    return this.#server;
  }

  /** Whether the server may be gone or another one by now, so that a probe is needed. */
  get isStale(): boolean {
    return monotonicMs() - this.#probedAt > this.#options.staleMs;
  }

  /** Handles a notice of the server, which comes before the answer that it belongs to. */
  notice({ routine }: { readonly routine?: unknown }): void {
    if (routine === WAIT_FOR_STANDBY) this.#isUnreplicated = true;
  }

  /** Requires a probe before the next use. */
  markStale(): void {
    this.#probedAt = Number.NEGATIVE_INFINITY;
  }

  /** Checks that the connection is ready. Rejects with the reason if it is not. The row has these columns too. */
  async probe(deadline: number, columns?: string): Promise<Row | undefined> {
    const { text, parameters } = readiness(this.#options.ownsClient, columns);
    const [row] = await this.query(text, parameters, deadline);
    const { milliseconds, server } = readinessOf(row, this.#options.statementTimeoutMs);
    // Taken after the answer: the time of the network makes a deadline on the server too early, never too late.
    this.#probedAt = monotonicMs();
    this.#clockOffsetMs = milliseconds - this.#probedAt;
    this.#server = server;
    return row;
  }

  /** Runs one statement and resolves with its rows; with none if `chunks` took them. */
  async query(
    text: string,
    parameters: readonly Parameter[],
    deadline: number,
    chunks?: ChunkOptions,
  ): Promise<readonly Row[]> {
    const { prepare, onSlow } = this.#options;
    const sent = parameters.map((value) => (value === DEADLINE ? this.#serverTime(deadline) : value));
    let chunked: ChunkedAnswer | undefined;
    this.askedAt = monotonicMs();
    this.client.ref?.();
    try {
      const answer = this.client.unsafe(text, sent, { prepare });
      if (chunks && answer.cursor) chunked = new ChunkedAnswer(answer as Required<Answer>, chunks);
      const rows = await withDeadline(deadline, chunked?.done ?? answer, () => onSlow(this)).catch((error) =>
        this.#abandonStalled(error),
      );
      if (isIncomplete(rows)) throw new IncompleteAnswer();
      if (this.#isUnreplicated) throw new Unreplicated();
      return rows as readonly Row[];
    } finally {
      chunked?.stop();
      this.askedAt = undefined;
      this.client.unref?.();
    }
  }

  /**
   * Ends the client before the caller can restore the real timers: a client that waits for a fake immediate clears it when
   * it ends, and Node miscounts its immediates when its real `clearImmediate` gets a fake one.
   */
  async #abandonStalled(error: unknown): Promise<never> {
    if (error instanceof TimersStalled) {
      this.dead = true;
      this.client.destroy?.();
      await sleep(SOCKET_CLOSE_MS);
      await this.#endWithin(SOCKET_CLOSE_MS);
    }
    throw error;
  }

  /** Ends the connection within `timeout` seconds. Never rejects. */
  async end(timeout: number): Promise<void> {
    // The client's own timeout fails under fake timers, and while the client waits for a server.
    await this.#endWithin(timeout * 1000 + CLOSE_GRACE_MS, { timeout });
    this.client.destroy?.();
  }

  async #endWithin(ms: number, options?: { timeout: number }): Promise<void> {
    try {
      await settlesWithin(this.client.end(options), ms, undefined);
    } catch {
      // The connection is out of use either way.
    }
  }

  #serverTime(time: number): string {
    return String(Math.floor(time + this.#clockOffsetMs));
  }
}

/** Settles as the promise does, or rejects with DeadlinePassed at the deadline. */
function withDeadline<T>(deadline: number, promise: PromiseLike<T>, onSlow: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let pause = SLOW_MS;
    let timer: Timer | undefined;
    const wait = () => {
      const left = Math.max(1, deadline - monotonicMs());
      timer = setTimeout(left <= pause ? giveUp : reportSlow, Math.min(left, pause));
    };
    let timersAdvance = false;
    const giveUp = () => reject((timersAdvance ? undefined : timersLookStalled()) ?? new DeadlinePassed());
    const reportSlow = () => {
      pause *= 2;
      wait();
      onSlow();
      void stalledTimers().then((error) => {
        timersAdvance = error === undefined;
        if (timersAdvance) return;
        clearTimeout(timer);
        reject(error);
      });
    };
    wait();
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
