import { isStateError } from "../../src/contract/errors.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import type { Connection } from "./connection.js";
import { ReadOnlyServer } from "./errors.js";
import type { Hosts } from "./hosts.js";

export interface WatchOptions {
  readonly hosts: Hosts;
  /** A connection that has proved itself within so many milliseconds; becomes a member. */
  readonly dial: (host: number, maxMs: number) => Promise<Connection>;
  readonly membersOf: (host: number) => readonly Connection[];
  /** Cuts it, also in the middle of a statement. */
  readonly drop: (connection: Connection) => void;
}

/** How long a server that owes an answer may take to greet somebody else, in milliseconds. */
const PROBE_MS = 1500;

/**
 * Looks after a server that owes an answer. It may be slow, or gone without a word: frozen, cut off, or replaced by
 * another at the same address. Whom else it greets tells, and a line to one that is gone need not be waited for.
 */
export class ServerWatch {
  readonly #options: WatchOptions;
  /** Hosts that are being looked after. */
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
      // Where anybody has heard from it meanwhile, it is not gone, and only busy.
      if (isGone(error) && hosts.heardAt(host) < since) for (const member of membersOf(host)) drop(member);
    }
    this.#checking.delete(host);
  }
}

/** A server that says why it does not serve is there. */
function isGone(error: unknown): boolean {
  const isUnreachable = isStateError(error, "UNAVAILABLE") && error.details.reason === "unreachable";
  return isUnreachable && !(error instanceof ReadOnlyServer);
}
