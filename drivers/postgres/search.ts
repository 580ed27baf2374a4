import { jitteredPause } from "../../src/timing/backoff.js";
import { settlesWithin } from "../../src/timing/cancellation.js";
import type { Connection } from "./connection.js";
import type { Hosts } from "./hosts.js";

export interface SearchOptions {
  readonly hosts: Hosts;
  /** A connection that has proved itself. Rejects with a StateError; whoever gets no answer takes its time. */
  readonly dial: (host: number) => Promise<Connection>;
  /** Takes a connection that comes too late: another was faster. */
  readonly onSpare: (connection: Connection) => void;
  /** Told when no host was what is looked for, before all are asked again; may throw, which ends the search. */
  readonly onRoundFailed: (errors: readonly unknown[]) => void;
  /** Whether anybody still waits for what is looked for. */
  readonly isWanted: () => boolean;
  readonly signal: AbortSignal;
}

/** How long a host may be silent before the next is asked beside it, in milliseconds; it may still answer. */
const STAGGER_MS = 1000;
/** Between rounds. Short, for a server that is promoted has everybody waiting for it. */
const PAUSE = { baseMs: 50, mostMs: 500, random: () => 0.5 + Math.random() / 2 };

/**
 * Looks for the host that is ready, again and again while somebody waits. A host that answers nothing holds up nobody:
 * the next is asked beside it, and so is the same one again, for what answers at its address may be another by then.
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

/** Dials under way, of which the first to succeed wins. */
class Race {
  readonly #options: SearchOptions;
  /** With the host of each. */
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

  /** Who was asked earlier and has not answered yet is asked last the next time. */
  #win(connection: Connection): void {
    this.#winner = connection;
    for (const host of this.#running.values())
      if (host !== connection.host) this.#options.hosts.markSilent(host);
  }

  /** The winner; `undefined` when a dial fails, or the time is up, or the search is given up. */
  async found(ms: number): Promise<Connection | undefined> {
    await settlesWithin(Promise.race(this.#running.keys()), ms, this.#options.signal);
    return this.#winner;
  }

  /** What went wrong since this was asked last. */
  takeErrors(): readonly unknown[] {
    const errors = this.#errors;
    this.#errors = [];
    return errors;
  }

  end(): void {
    this.#ended = true;
  }
}
