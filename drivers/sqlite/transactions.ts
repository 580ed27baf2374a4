import type { Connection, Statement } from "./connection.js";
import { translate, translateCommit } from "./errors.js";

/** The transactions of one connection, which has no other. None stays open after an error. */
export class Transactions {
  readonly #connection: Connection;
  readonly #begin: Statement;
  readonly #beginWriting: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#begin = connection.prepare("BEGIN");
    // A transaction that reads first and then wants to write is refused at once if another has written since.
    this.#beginWriting = connection.prepare("BEGIN IMMEDIATE");
    this.#commit = connection.prepare("COMMIT");
    this.#rollback = connection.prepare("ROLLBACK");
  }

  /** Everything `work` reads is of one moment. */
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

  /** All of `work` happens, and is durable, or nothing. UNAVAILABLE `busy` when another connection is writing. */
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

  /** Whether no transaction is open any more. Some errors have ended it already. */
  #ensureRolledBack(): boolean {
    try {
      if (this.#connection.inTransaction) this.#rollback.run();
    } catch {
      // The error that led here says more.
    }
    return !this.#connection.inTransaction;
  }
}
