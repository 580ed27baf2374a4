import { isStateError, type StateError } from "../contract/errors.js";
import type { RecordKey } from "../contract/store.js";

/** Damage met on the way through many records: it does not keep the others from their turn, and is thrown at the end. */
export class DamageLog {
  #first: StateError<"CORRUPT"> | undefined;

  /** Where it is, if that is known. Throws what is no damage. */
  add(error: unknown): RecordKey | undefined {
    if (!isStateError(error, "CORRUPT")) throw error;
    this.#first ??= error;
    return error.details.at;
  }

  /** What is read or done, or `undefined` where it is damaged. */
  async skipIfDamaged<R>(work: Promise<R>): Promise<R | undefined> {
    try {
      return await work;
    } catch (error) {
      this.add(error);
      return undefined;
    }
  }

  /** CORRUPT, the first that was met. */
  throwFirst(): void {
    if (this.#first !== undefined) throw this.#first;
  }
}
