import { isStateError, type StateError } from "../contract/errors.js";
import type { RecordKey } from "../contract/store.js";

/** Which items of a list are read. The bounds themselves are left out. */
export interface PageBounds {
  readonly after?: string;
  readonly before?: string;
  readonly reverse: boolean;
  readonly limit: number;
}

/** Collects damage while many records are processed: damaged records are skipped, and the first damage is thrown at the end. */
export class DamageLog {
  #first: StateError<"CORRUPT"> | undefined;

  /** The first damage so far. */
  get first(): StateError<"CORRUPT"> | undefined {
    return this.#first;
  }

  /** Adds a CORRUPT error and returns the key of the damaged record, if known. Throws any other error. */
  add(error: unknown): RecordKey | undefined {
    if (!isStateError(error, "CORRUPT")) throw error;
    this.#first ??= error;
    return error.details.at;
  }

  /** The result of the work, or `undefined` if the work met damage. */
  async skipIfDamaged<R>(work: Promise<R>): Promise<R | undefined> {
    try {
      return await work;
    } catch (error) {
      this.add(error);
      return undefined;
    }
  }

  /** Yields what a scan yields, and goes on after each damaged record whose key is known. */
  async *skipping<T>(
    scanAfter: (range: { readonly after?: RecordKey }) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    let range: { after?: RecordKey } = {};
    for (;;) {
      try {
        yield* scanAfter(range);
        return;
      } catch (error) {
        const after = this.add(error);
        if (after === undefined) throw error;
        range = { after };
      }
    }
  }

  /** A page of a list, past its damaged items: those before and after each of them. `prefix` is that of the items' kinds. */
  async page<E>(
    prefix: string,
    bounds: PageBounds,
    read: (bounds: PageBounds) => Promise<E[]>,
  ): Promise<E[]> {
    try {
      return await read(bounds);
    } catch (error) {
      const kind = this.add(error)?.kind;
      if (!kind?.startsWith(prefix)) throw error;
      const id = kind.slice(prefix.length);
      const [ends, begins] = bounds.reverse ? (["after", "before"] as const) : (["before", "after"] as const);
      const first = await this.page(prefix, { ...bounds, [ends]: id }, read);
      const limit = bounds.limit - first.length;
      return limit === 0
        ? first
        : first.concat(await this.page(prefix, { ...bounds, [begins]: id, limit }, read));
    }
  }

  /** Throws the first CORRUPT error, if there was one. */
  throwFirst(): void {
    if (this.#first !== undefined) throw this.#first;
  }
}
