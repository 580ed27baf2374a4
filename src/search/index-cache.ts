import { FreshIndex } from "./fresh-index.js";

/** An index that is brought up to date before it is asked. */
export interface RefreshedIndex {
  /** What it costs to keep, in the cache's own measure. */
  readonly size: number;
  /** Brings it up to what is stored now. It may leave off where it is when the signal aborts. */
  refresh(signal: AbortSignal): Promise<void>;
}

/** Indexes of one process by name, of which those used last are kept. */
export class IndexCache<I extends RefreshedIndex> {
  readonly #maxSize: number;
  readonly #maxCount: number;
  /** The one used last comes last. */
  readonly #kept = new Map<string, FreshIndex<I>>();

  constructor({ maxSize, maxCount }: { readonly maxSize: number; readonly maxCount: number }) {
    this.#maxSize = maxSize;
    this.#maxCount = maxCount;
  }

  /** Asks the index of a name once it is up to date. Rejects with the signal's reason, and with the errors of the refresh. */
  async query<R>(
    name: string,
    make: () => I,
    ask: (index: I) => R,
    signal: AbortSignal | undefined,
  ): Promise<R> {
    const fresh = this.#kept.get(name) ?? new FreshIndex(make());
    this.#kept.delete(name);
    this.#kept.set(name, fresh);
    try {
      return await fresh.query(ask, signal);
    } finally {
      this.#evict();
    }
  }

  /** Forgets an index: the next query makes it anew. */
  forget(name: string): void {
    this.#kept.delete(name);
  }

  #evict(): void {
    let size = 0;
    for (const { index } of this.#kept.values()) size += index.size;
    for (const [name, { index, isInUse }] of this.#kept) {
      if (size <= this.#maxSize && this.#kept.size <= this.#maxCount) return;
      // Its queries would read all anew.
      if (isInUse) continue;
      this.#kept.delete(name);
      size -= index.size;
    }
  }
}
