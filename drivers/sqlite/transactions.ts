import type { Connection, Statement } from "./connection.js";
import { translate, translateCommit } from "./errors.js";

/** Runs all transactions of one connection. None stays open after an error. */
export class Transactions {
  readonly #connection: Connection;
  readonly #begin: Statement;
  readonly #beginWriting: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#begin = connection.prepare("BEGIN");
    // IMMEDIATE: a transaction that reads first fails with BUSY at its first write if another one has written meanwhile.
    this.#beginWriting = connection.prepare("BEGIN IMMEDIATE");
    this.#commit = connection.prepare("COMMIT");
    this.#rollback = connection.prepare("ROLLBACK");
  }

  /** Runs `work` in a read transaction: everything it reads is from one snapshot. */
  reading<T>(work: () => T): T {
    try {
      this.#begin.run();
      return work();
    } catch (error) {
      throw translate(error);
    } finally {
      this.#ensureRolledBack();
    }
  }

  /** Runs `work` in a write transaction. UNAVAILABLE `busy` when another connection is writing. */
  writing<T>(work: () => T): T {
    let result: T;
    try {
      this.#beginWriting.run();
      result = work();
    } catch (error) {
      this.#ensureRolledBack();
      throw translate(error);
    }
    this.#finish();
    return result;
  }

  #finish(): void {
    try {
      this.#commit.run();
    } catch (error) {
      throw translateCommit(error, this.#ensureRolledBack());
    }
  }

  /** Rolls back, unless the error has done so already. Returns whether no transaction is open any more. */
  #ensureRolledBack(): boolean {
    try {
      if (this.#connection.inTransaction) this.#rollback.run();
    } catch {
      // The first error says more than this one.
    }
    return !this.#connection.inTransaction;
  }
}
