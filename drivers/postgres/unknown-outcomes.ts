import type { Connection } from "./connection.js";
import { translate } from "./errors.js";

/** A commit without changes. A standby receives it only after all earlier commits. */
const EMPTY_COMMIT = "SELECT pg_catalog.pg_logical_emit_message(true, 'groundstate', '') AS empty_commit";

/**
 * Counts writes with an unknown outcome. Such a write may be on the primary and not yet on the standby that it waited for.
 * A later call that sees it must not be acknowledged before the standby has it.
 */
export class UnknownOutcomes {
  #count = 0;
  #settled = 0;

  /** Whether the standby may still lack one of the writes. */
  get hasUnsettled(): boolean {
    return this.#settled < this.#count;
  }

  add(): void {
    this.#count++;
  }

  /** Waits until the standby has all earlier commits, by committing once more. */
  async settle(connection: Connection, deadline: number): Promise<void> {
    const count = this.#count;
    try {
      await connection.query(EMPTY_COMMIT, [], deadline);
    } catch (error) {
      if (translate(error, "write").code === "OUTCOME_UNKNOWN") throw error;
      // The function is missing: a server without it has no synchronous standby.
      connection.dead = true;
    }
    this.#settled = count;
  }
}
