import { settlesWithin } from "../../src/timing/cancellation.js";
import { clearTimeout, monotonicMs, setTimeout, sleep, type Timer } from "../../src/timing/real-timers.js";
import { ChunkedAnswer, type ChunkOptions, isIncomplete } from "./chunked-answer.js";
import type { Answer, PooledClient, Row } from "./client.js";
import { DeadlinePassed, IncompleteAnswer, Unreplicated } from "./errors.js";
import { READY, READY_PARAMETERS, readinessOf } from "./readiness.js";
import { stalledTimers, TimersStalled, timersLookStalled } from "./stalled-timers.js";

/** Stands for the call's deadline, in milliseconds since 1970 by the server's clock. */
export const DEADLINE = Symbol("the deadline of the call");
/**
 * All that is ever sent: the client loses count of its answers when it cannot serialize a parameter, and serializes one
 * twice when a pooler forgot its statement, which leaves text as it is and nothing else.
 */
export type Parameter = string | null | typeof DEADLINE;

export interface ConnectionOptions {
  readonly prepare: boolean;
  /** What the session's own limit of a statement was asked to be, where it was. */
  readonly statementTimeoutMs?: number | undefined;
  /** How old a proof may be when the connection is used, in milliseconds. */
  readonly staleMs: number;
  /** Called when a statement has gone without an answer for long, and again after twice as long. */
  readonly onSlow: (connection: Connection) => void;
}

/** Where in the server a commit waits for its standbys; its words depend on the server's language. */
const WAIT_FOR_STANDBY = "SyncRepWaitForLSN";

/** What the client may take beyond the time that it is given to end, in milliseconds. */
const CLOSE_GRACE_MS = 250;

/** In which a line that was cut has told its client, in milliseconds. */
const SOCKET_CLOSE_MS = 50;

/** How long a server may take to answer before it is looked after, in milliseconds. */
const SLOW_MS = 1200;

/**
 * One client of one connection, which is asked one statement at a time, with a deadline. One that failed is never
 * used again: a client that goes on after an error may hang, or give one statement the answer of another.
 */
export class Connection {
  readonly client: PooledClient;
  /** Which of the hosts it is to. */
  readonly host: number;
  /** Ended, or about to be. */
  dead = false;
  /** Since when it waits for the answer to a statement. */
  askedAt: number | undefined;
  readonly #options: ConnectionOptions;
  /** At least how many milliseconds the server's clock, which counts from 1970, is ahead of this process's own. */
  #clockOffsetMs = 0;
  #probedAt = Number.NEGATIVE_INFINITY;
  #server = "";
  #isUnreplicated = false;

  constructor(client: PooledClient, host: number, options: ConnectionOptions) {
    this.client = client;
    this.host = host;
    this.#options = options;
  }

  /** What tells its server from every other. */
  get server(): string {
    return this.#server;
  }

  /** It may be to another server by now, or to nobody. */
  get isStale(): boolean {
    return monotonicMs() - this.#probedAt > this.#options.staleMs;
  }

  /** Comes before the answer that it is about. */
  notice({ routine }: { readonly routine?: unknown }): void {
    if (routine === WAIT_FOR_STANDBY) this.#isUnreplicated = true;
  }

  /** Must be proved again before it is used. */
  markStale(): void {
    this.#probedAt = Number.NEGATIVE_INFINITY;
  }

  /** Makes sure that it is ready, or rejects with why it is not. */
  async probe(deadline: number): Promise<void> {
    const [row] = await this.query(READY, READY_PARAMETERS, deadline);
    const { milliseconds, server } = readinessOf(row, this.#options.statementTimeoutMs);
    // Taken when the answer is there: a deadline may come too early by this, and never too late.
    this.#probedAt = monotonicMs();
    this.#clockOffsetMs = milliseconds - this.#probedAt;
    this.#server = server;
  }

  /** The rows of one statement; of those that came in pieces none. */
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
   * Before the caller goes on, and may take the fakes away: a client that waits for a fake turn clears it when it ends, and
   * Node loses count of its own turns when they are to clear one of a fake.
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

  /** Ends it, which may take so many seconds; never rejects. */
  async end(timeout: number): Promise<void> {
    // The client's own limit of time does not hold where the timers of others are faked, nor where it waits for a server.
    await this.#endWithin(timeout * 1000 + CLOSE_GRACE_MS, { timeout });
    this.client.destroy?.();
  }

  async #endWithin(ms: number, options?: { timeout: number }): Promise<void> {
    try {
      await settlesWithin(this.client.end(options), ms, undefined);
    } catch {
      // It is out of use either way.
    }
  }

  #serverTime(time: number): string {
    return String(Math.floor(time + this.#clockOffsetMs));
  }
}

/** The promise's own end, or DeadlinePassed if that comes first. */
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
