import type { BatchSize } from "./batch-size.js";
import type { Entry } from "./queue-entry.js";

/** What one batch may hold; a commit that is larger travels alone. */
const BATCH_WRITES = 256;
/** Each may remove a thousand records and more: whoever comes meanwhile shall not wait for many. */
const BATCH_ERASES = 4;

/** A batch that is being put together. */
export class BatchFilling {
  readonly #most: number;
  readonly #size: BatchSize;
  #count = 0;
  #writes = 0;
  #bytes = 0;
  #weight = 0;
  #erases = 0;

  /** Of at most so many commits. */
  constructor(most: number, size: BatchSize) {
    this.#most = most;
    this.#size = size;
  }

  /** Counts one in, and says whether it fits. The first always does; after one that did not, no other is asked about. */
  takes({ commit, bytes, weight }: Entry): boolean {
    this.#writes += commit.writes.length;
    this.#bytes += bytes;
    this.#weight += weight;
    for (const { op } of commit.writes) if (op === "erase") this.#erases++;
    const isFull =
      this.#writes > BATCH_WRITES ||
      this.#erases > BATCH_ERASES ||
      this.#count === this.#most ||
      this.#size.isOver(this.#bytes, this.#weight);
    if (isFull && this.#count > 0) return false;
    this.#count++;
    return true;
  }
}
