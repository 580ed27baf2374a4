/** The most that any batch holds, in bytes of payload: larger batches are no faster per byte. */
export const MAX_BYTES = 4 * 1024 * 1024;
/** The bounds within which the limit for shared batches moves. */
const MIN_BYTES = 32 * 1024;
const INITIAL_BYTES = 256 * 1024;

/** How long a batch may take while tenants share the store: this many milliseconds, or a multiple of the fastest batch. */
const TARGET_MS = 6;
const TARGET_FACTOR = 2;
/** How long the store counts as shared after two tenants were seen in it, in milliseconds. */
const SHARED_MS = 1000;

/**
 * How much a batch may hold. A commit waits for the end of the batch that is under way. So while several tenants are
 * active, the limit adapts to how long the last batches took, and keeps batches short.
 */
export class BatchSize {
  /** The most weight of a batch while tenants share the store. */
  #sharedLimit = INITIAL_BYTES;
  /** About how long the fastest batches take. */
  #fastestMs = Number.POSITIVE_INFINITY;
  #sharedUntil = Number.NEGATIVE_INFINITY;
  #isShared = false;
  /** The tenant that was seen last, and until when it counts as active. */
  #lastTenant: string | undefined;
  #lastTenantUntil = Number.NEGATIVE_INFINITY;

  /** Whether a batch of so many payload bytes and this weight is too large. */
  isTooLarge(bytes: number, weight: number): boolean {
    return bytes > MAX_BYTES || (this.#isShared && weight > this.#sharedLimit);
  }

  /** Takes note of the tenants that have commits waiting; call it before each batch is built. */
  noteTenants(tenants: Iterable<string>, now: number): void {
    for (const tenant of tenants) {
      if (tenant !== this.#lastTenant && now < this.#lastTenantUntil) this.#sharedUntil = now + SHARED_MS;
      this.#lastTenant = tenant;
      this.#lastTenantUntil = now + SHARED_MS;
      if (this.#sharedUntil > now) break;
    }
    this.#isShared = now < this.#sharedUntil;
  }

  /** Takes note of how long a batch took, and adapts the limit. */
  noteDuration(weight: number, ms: number): void {
    // The minimum is forgotten slowly, since a disk may become slower.
    this.#fastestMs = Math.min(ms, this.#fastestMs * 1.02 + 0.01);
    const targetMs = Math.max(TARGET_MS, TARGET_FACTOR * this.#fastestMs);
    if (weight <= this.#sharedLimit / 2) return;
    // A commit larger than the limit is sent alone, and no limit makes that faster: only as much as fits counts.
    const fittingMs = ms * Math.min(1, this.#sharedLimit / weight);
    if (fittingMs > targetMs) this.#sharedLimit = Math.max(this.#sharedLimit * 0.7, MIN_BYTES);
    else if (fittingMs < targetMs) this.#sharedLimit = Math.min(this.#sharedLimit * 1.2, MAX_BYTES);
  }
}
