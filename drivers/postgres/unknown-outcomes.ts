import type { Connection } from "./connection.js";
import { translate } from "./errors.js";

/** A commit that changes nothing, and that a standby has only after all before it. */
const EMPTY_COMMIT = "SELECT pg_catalog.pg_logical_emit_message(true, 'groundstate', '') AS empty_commit";

/**
 * Writes of unknown outcome. One may be there without being on the standby that it waited for, so whoever finds it there
 * must wait too.
 */
export class UnknownOutcomes {
  #count = 0;
  #settled = 0;

  /** Some are not settled. */
  get hasUnsettled(): boolean {
    return this.#settled < this.#count;
  }

  add(): void {
    this.#count++;
  }

  /** What a write found there is not acknowledged before it is where a commit of now is. */
  async settle(connection: Connection, deadline: number): Promise<void> {
    const count = this.#count;
    try {
      await connection.query(EMPTY_COMMIT, [], deadline);
    } catch (error) {
      if (translate(error, "write").code === "OUTCOME_UNKNOWN") throw error;
      // A server that has no such function has no such standby.
      connection.dead = true;
    }
    this.#settled = count;
  }
}
