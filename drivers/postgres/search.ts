import { jitteredPause } from "../../src/timing/backoff.js";
import { settlesWithin } from "../../src/timing/cancellation.js";
import type { Connection } from "./connection.js";
import type { Hosts } from "./hosts.js";

export interface SearchOptions {
  readonly hosts: Hosts;
  /** Makes and probes a connection. Rejects with a StateError; this may take long when the host does not answer. */
  readonly dial: (host: number) => Promise<Connection>;
  /** Takes a connection that lost the race. */
  readonly onSpare: (connection: Connection) => void;
  /** Called when every host has failed, before all are tried again. May throw, which ends the search. */
  readonly onRoundFailed: (errors: readonly unknown[]) => void;
  /** Whether a call still waits for a connection. */
  readonly isWanted: () => boolean;
  readonly signal: AbortSignal;
}

/** How long a host may be silent before the next one is tried too, in milliseconds. The first may still win. */
const STAGGER_MS = 1000;
/** The pause between rounds: short, because during a failover every call waits for the new primary. */
const PAUSE = { baseMs: 50, mostMs: 500, random: () => 0.5 + Math.random() / 2 };

/**
 * Tries all hosts in rounds until one is ready or no call waits any more. A silent host blocks nothing: the next host is
 * tried at the same time, and so is the silent one again, because another server may have its address by then.
 */
export async function search(options: SearchOptions): Promise<Connection | undefined> {
  const { hosts, isWanted, onRoundFailed } = options;
  const race = new Race(options);
  try {
    for (let round = 1; isWanted(); round++) {
      for (const host of hosts.inOrder()) {
        race.start(host);
        const found = await race.found(STAGGER_MS);
        if (found !== undefined) return found;
        if (!isWanted()) return undefined;
      }
      if (race.isOver) onRoundFailed(race.takeErrors());
      if (!isWanted()) return undefined;
      const found = await race.found(jitteredPause(round, PAUSE));
      if (found !== undefined) return found;
    }
    return undefined;
  } finally {
    race.end();
  }
}

/** Dials that run at the same time. The first to succeed wins. */
class Race {
  readonly #options: SearchOptions;
  /** Each dial, with its host. */
  readonly #running = new Map<Promise<void>, number>();
  #errors: unknown[] = [];
  #winner: Connection | undefined;
  #ended = false;

  constructor(options: SearchOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#running.size === 0;
  }

  start(host: number): void {
    const dial = this.#options
      .dial(host)
      .then(
        (connection) => {
          if (this.#ended || this.#winner !== undefined) this.#options.onSpare(connection);
          else this.#win(connection);
        },
        (error: unknown) => {
          this.#errors.push(error);
        },
      )
      .finally(() => this.#running.delete(dial));
    this.#running.set(dial, host);
  }

  /** Hosts that have not answered yet are tried last in the next search. */
  #win(connection: Connection): void {
    this.#winner = connection;
    for (const host of this.#running.values())
      if (host !== connection.host) this.#options.hosts.markSilent(host);
  }

  /** Waits for a dial to end. Resolves with the winner; `undefined` after a failure, `ms` milliseconds or an abort. */
  async found(ms: number): Promise<Connection | undefined> {
    await settlesWithin(Promise.race(this.#running.keys()), ms, this.#options.signal);
    return this.#winner;
  }

  /** The errors since the last call. */
  takeErrors(): readonly unknown[] {
    const errors = this.#errors;
    this.#errors = [];
    return errors;
  }

  end(): void {
    this.#ended = true;
  }
}
