import { randomUUID } from "node:crypto";
import { jitteredPause } from "../../src/timing/backoff.js";
import { settlesWithin } from "../../src/timing/cancellation.js";
import { clearTimeout, setTimeout } from "../../src/timing/real-timers.js";
import type { ClientPool } from "./client-pool.js";

export interface ListeningOptions {
  readonly channel: string;
  /** Makes a pool of one connection, which tells of its notifications and of the end of each connection. */
  readonly connect: (events: ListeningEvents) => Pick<ClientPool, "run" | "close">;
  /** Sends a notification over another connection. */
  readonly send: (payload: string) => Promise<unknown>;
}

export interface ListeningEvents {
  readonly notified: (payload: string) => void;
  readonly closed: () => void;
}

/** What is called while a connection listens. */
export interface Hearing {
  /** Every notification from now on will come. */
  readonly live: () => void;
  /** Notifications may be missed from now on. */
  readonly lost: () => void;
  readonly notified: (payload: string) => void;
}

/** How often it is checked that the connection still listens. */
const CHECK_MS = 5000;
/** How long a test notification may take. */
const HEARING_MS = 2000;
const PAUSE = { baseMs: 200, mostMs: 5000, random: () => 0.5 + Math.random() / 2 };
/** The pause where notifications do not come through: a pooler in transaction mode stays one. */
const DEAF_PAUSE_MS = 60_000;

/** Begins the payload of a test notification. */
const TEST = "?";

/**
 * A connection that listens, and is made again when it is lost. Behind a pooler in transaction mode, the server's connection
 * that listens is soon not ours any more: only a test notification that was heard proves that the others will be.
 */
export class Listening {
  readonly #options: ListeningOptions;
  readonly #hearing: Hearing;
  readonly #pool: Pick<ClientPool, "run" | "close">;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #isLive = false;
  /** How many connections have ended. */
  #lostConnections = 0;
  /** The test notification that is awaited. */
  #awaited: { readonly payload: string; readonly heard: () => void } | undefined;
  #wake: (() => void) | undefined;

  constructor(options: ListeningOptions, hearing: Hearing) {
    this.#options = options;
    this.#hearing = hearing;
    this.#pool = options.connect({
      notified: (payload) => this.#notified(payload),
      closed: () => this.#onClosed(),
    });
    this.#ended = this.#run();
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake?.();
    await this.#pool.close();
    await this.#ended;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    for (let failures = 0; !this.#isStopped; ) {
      const lostBefore = this.#lostConnections;
      let pauseMs = CHECK_MS;
      try {
        // Does nothing on a connection that listens already; the pool may have made another one.
        await this.#pool.run(`LISTEN ${this.#options.channel}`, [], "read");
        const isHeard = this.#isLive || (await this.#isHeard());
        failures = 0;
        if (!isHeard) pauseMs = await this.#giveUp();
        else if (this.#lostConnections === lostBefore) this.#setLive(true);
        else pauseMs = 0;
      } catch {
        this.#setLive(false);
        pauseMs = jitteredPause(++failures, PAUSE);
      }
      await this.#pause(pauseMs);
    }
    this.#setLive(false);
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Whether a notification that another connection sends arrives. */
  async #isHeard(): Promise<boolean> {
    const payload = `${TEST}${randomUUID()}`;
    const heard = new Promise<void>((resolve) => {
      this.#awaited = { payload, heard: resolve };
    });
    try {
      await this.#options.send(payload);
      return await settlesWithin(heard, HEARING_MS, this.#stopping.signal);
    } finally {
      this.#awaited = undefined;
    }
  }

  async #giveUp(): Promise<number> {
    await this.#pool.run("UNLISTEN *", [], "read");
    return DEAF_PAUSE_MS;
  }

  #notified(payload: string): void {
    if (payload === this.#awaited?.payload) this.#awaited.heard();
    if (!payload.startsWith(TEST)) this.#hearing.notified(payload);
  }

  #onClosed(): void {
    this.#lostConnections++;
    if (!this.#isLive) return;
    this.#setLive(false);
    this.#wake?.();
  }

  #setLive(isLive: boolean): void {
    if (isLive === this.#isLive) return;
    this.#isLive = isLive;
    if (isLive) this.#hearing.live();
    else this.#hearing.lost();
  }

  /** Waits so long, unless it is woken before. Does not keep the process alive. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(wake, ms);
      timer.unref();
      this.#wake = wake;
      if (this.#isStopped) wake();
    });
  }
}
