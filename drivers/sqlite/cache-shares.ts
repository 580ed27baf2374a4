/** A connection with a page cache. */
export interface Caching {
  limitCache(kib: number): void;
}

const MIN_KIB = 512;

/**
 * Divides a fixed amount of cache memory among all open connections of this thread, so that hundreds of connections use no
 * more memory than a few.
 */
export class CacheShares {
  readonly #totalKib: number;
  readonly #maxKib: number;
  readonly #members = new Set<Caching>();
  #shareKib: number;

  constructor(totalKib: number, maxKib: number) {
    this.#totalKib = totalKib;
    this.#maxKib = maxKib;
    this.#shareKib = maxKib;
  }

  add(member: Caching): void {
    this.#members.add(member);
    this.#divide();
    member.limitCache(this.#shareKib);
  }

  remove(member: Caching): void {
    if (this.#members.delete(member)) this.#divide();
  }

  /** Changes the limits only when the share has doubled or halved, which keeps the work per new connection small. */
  #divide(): void {
    const fair = Math.floor(this.#totalKib / Math.max(this.#members.size, 1));
    const share = Math.max(MIN_KIB, Math.min(this.#maxKib, fair));
    if (share > this.#shareKib / 2 && share < this.#shareKib * 2) return;
    this.#shareKib = share;
    for (const member of this.#members) member.limitCache(share);
  }
}
