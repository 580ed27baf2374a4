import type { BatchSize } from "./batch-size.js";
import type { Entry } from "./queue-entry.js";

/** How many writes one batch may hold. A commit that has more is sent alone. */
const MAX_BATCH_WRITES = 256;
/** How many erases one batch may hold: each may remove a thousand records, and later commits wait for the batch. */
const MAX_BATCH_ERASES = 4;

/** Decides which commits still fit into a batch. */
export class BatchBuilder {
  readonly #maxCommits: number;
  readonly #size: BatchSize;
  #count = 0;
  #writes = 0;
  #bytes = 0;
  #weight = 0;
  #erases = 0;

  constructor(maxCommits: number, size: BatchSize) {
    this.#maxCommits = maxCommits;
    this.#size = size;
  }

  /** Adds a commit; false if it does not fit. The first always fits. Once it has returned false, do not call it again. */
  tryAdd({ commit, bytes, weight }: Entry): boolean {
    this.#writes += commit.writes.length;
    this.#bytes += bytes;
    this.#weight += weight;
    for (const { op } of commit.writes) if (op === "erase") this.#erases++;
    const isFull =
      this.#writes > MAX_BATCH_WRITES ||
      this.#erases > MAX_BATCH_ERASES ||
      this.#count === this.#maxCommits ||
      this.#size.isTooLarge(this.#bytes, this.#weight);
    if (isFull && this.#count > 0) return false;
    this.#count++;
    return true;
  }
}
