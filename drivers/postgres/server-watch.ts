import { isStateError } from "../../src/contract/errors.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import type { Connection } from "./connection.js";
import { ReadOnlyServer } from "./errors.js";
import type { Hosts } from "./hosts.js";

export interface WatchOptions {
  readonly hosts: Hosts;
  /** Makes and probes a connection within `maxMs` milliseconds, and adds it to the pool. */
  readonly dial: (host: number, maxMs: number) => Promise<Connection>;
  readonly membersOf: (host: number) => readonly Connection[];
  /** Ends a connection, also one with a statement under way. */
  readonly drop: (connection: Connection) => void;
}

/** How long a slow server may take to accept and answer a new connection, in milliseconds. */
const PROBE_MS = 1500;

/**
 * Checks a server that has not answered for a while, by making a new connection. The server may just be slow, or it may be
 * frozen, unreachable or replaced by another one at its address. In the latter cases the old connections are dropped, so
 * that no call waits for them.
 */
export class ServerWatch {
  readonly #options: WatchOptions;
  /** Hosts that are being checked. */
  readonly #checking = new Set<number>();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  async check(host: number): Promise<void> {
    if (this.#checking.has(host)) return;
    this.#checking.add(host);
    const { hosts, dial, membersOf, drop } = this.#options;
    const since = monotonicMs();
    try {
      const probe = await dial(host, PROBE_MS);
      for (const member of membersOf(host)) if (member.server !== probe.server) drop(member);
      drop(probe);
    } catch (error) {
      // If any connection had an answer meanwhile, the server is only busy.
      if (isGone(error) && hosts.heardAt(host) < since) for (const member of membersOf(host)) drop(member);
    }
    this.#checking.delete(host);
  }
}

/** A server that answers why it refuses a connection is not gone. */
function isGone(error: unknown): boolean {
  const isUnreachable = isStateError(error, "UNAVAILABLE") && error.details.reason === "unreachable";
  return isUnreachable && !(error instanceof ReadOnlyServer);
}
