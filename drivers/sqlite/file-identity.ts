import { type BigIntStats, statSync } from "node:fs";
import { setup } from "./errors.js";

/**
 * Tells when the file at a path is no longer the one that was there at first. What is written into a database or a log
 * that was removed or replaced while open vanishes without an error.
 */
export class FileIdentity {
  readonly #path: string;
  readonly #file: BigIntStats;

  constructor(path: string) {
    this.#path = path;
    this.#file = statSync(path, { bigint: true });
  }

  /** UNAVAILABLE when it is gone or another. */
  verify(): void {
    const file = this.#look();
    if (file !== undefined && file.ino === this.#file.ino && file.dev === this.#file.dev) return;
    throw setup(
      `${this.#path} was ${file === undefined ? "removed" : "replaced"} while it was open: open the store again once the right files are there`,
    );
  }

  #look(): BigIntStats | undefined {
    try {
      return statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      throw setup(`${this.#path} can no longer be reached`, error);
    }
  }
}
