/** What a batch may hold in any case, in bytes of payload: more does not make it any faster. */
const MOST = 4 * 1024 * 1024;
const LEAST = 32 * 1024;
const FIRST = 256 * 1024;

/** How long a batch may take that somebody else has to wait for, in milliseconds: this, or as long as small ones do. */
const AIM_MS = 6;
const AIM_FACTOR = 2;
/** How long tenants are taken to be beside each other after they were, in milliseconds. */
const BESIDE_MS = 1000;

/**
 * How much a batch may hold. Whoever comes while one is under way waits for its end, so that while there is more than one
 * tenant, batches are kept to a size that takes little time, by how long the last ones took.
 */
export class BatchSize {
  #shared = FIRST;
  /** About the time that the smallest take. */
  #quickMs = Number.POSITIVE_INFINITY;
  #besideUntil = Number.NEGATIVE_INFINITY;
  #isShared = false;
  /** The tenant that was met last, and how long that counts. */
  #last: string | undefined;
  #lastUntil = Number.NEGATIVE_INFINITY;

  /** Whether a batch of these payloads and this weight is too large. */
  isOver(bytes: number, weight: number): boolean {
    return bytes > MOST || (this.#isShared && weight > this.#shared);
  }

  /** Who waits for the batch that is made next. */
  meet(tenants: Iterable<string>, now: number): void {
    for (const tenant of tenants) {
      if (tenant !== this.#last && now < this.#lastUntil) this.#besideUntil = now + BESIDE_MS;
      this.#last = tenant;
      this.#lastUntil = now + BESIDE_MS;
      if (this.#besideUntil > now) break;
    }
    this.#isShared = now < this.#besideUntil;
  }

  /** How long a batch took. */
  note(weight: number, ms: number): void {
    // Forgotten slowly: a disk may become slower.
    this.#quickMs = Math.min(ms, this.#quickMs * 1.02 + 0.01);
    const aim = Math.max(AIM_MS, AIM_FACTOR * this.#quickMs);
    if (ms > aim && weight > this.#shared / 2) this.#shared = Math.max(this.#shared * 0.7, LEAST);
    else if (ms < aim && weight > this.#shared / 2) this.#shared = Math.min(this.#shared * 1.2, MOST);
  }
}
