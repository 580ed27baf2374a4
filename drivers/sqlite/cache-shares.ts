/** What keeps pages of its database in memory. */
export interface Caching {
  limitCache(kib: number): void;
}

const LEAST_KIB = 512;

/**
 * Divides memory for pages among all connections that are open here: few get much each, many little, so that hundreds
 * together take no more than a few.
 */
export class CacheShares {
  readonly #totalKib: number;
  readonly #mostKib: number;
  readonly #members = new Set<Caching>();
  #shareKib: number;

  constructor(totalKib: number, mostKib: number) {
    this.#totalKib = totalKib;
    this.#mostKib = mostKib;
    this.#shareKib = mostKib;
  }

  add(member: Caching): void {
    this.#members.add(member);
    this.#divide();
    member.limitCache(this.#shareKib);
  }

  remove(member: Caching): void {
    if (this.#members.delete(member)) this.#divide();
  }

  /** Everybody is told only when shares have doubled or halved, which keeps the work for each newcomer small. */
  #divide(): void {
    const fair = Math.floor(this.#totalKib / Math.max(this.#members.size, 1));
    const share = Math.max(LEAST_KIB, Math.min(this.#mostKib, fair));
    if (share > this.#shareKib / 2 && share < this.#shareKib * 2) return;
    this.#shareKib = share;
    for (const member of this.#members) member.limitCache(share);
  }
}
