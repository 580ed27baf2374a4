import { cellKey } from "../cell.js";
import type { CombinedWork } from "./combined-work.js";
import type { QueuedWork } from "./queued-work.js";

/**
 * Fewer changes and bytes than a commit may have: of a larger one other processes change something more often, all of it is
 * made again then, and those who wait behind it wait longer.
 */
const MAX_CHANGES = 256;
const MAX_BYTES = 1024 * 1024;

/** Takes the work at the front of the queue that fits into one commit: at least one. */
export function takeBatch<C>(queue: QueuedWork<C>[]): QueuedWork<C>[] {
  const read = new Set<string>();
  const overwriting = new Overwriting();
  let writes = 0;
  let bytes = 0;
  let count = 0;
  for (const { work } of queue) {
    const added = work.reads.map(cellKey).filter((key) => !read.has(key));
    writes += work.writes;
    bytes += work.bytes ?? 0;
    const isFull = read.size + added.length + writes > MAX_CHANGES || bytes > MAX_BYTES;
    if (count > 0 && (isFull || overwriting.hides(work))) break;
    for (const key of added) read.add(key);
    overwriting.add(work);
    count++;
  }
  const batch = queue.splice(0, count);
  for (const queued of batch) queued.isTaken = true;
  return batch;
}

type Overwriter = Pick<CombinedWork<unknown, unknown>, "overwrites" | "ids">;

/** Which slots the works of a batch write over, and under ids of their callers or not. */
class Overwriting {
  readonly #hasId = new Map<string, boolean>();
  #isAlone = true;

  /** Whether the work would write over what a work before it wrote under an id. Of other works nobody knows where they write. */
  hides({ overwrites }: Overwriter): boolean {
    return overwrites !== undefined && (!this.#isAlone || this.#hasId.get(cellKey(overwrites)) === true);
  }

  add({ overwrites, ids = [] }: Overwriter): void {
    if (overwrites === undefined) this.#isAlone = false;
    else this.#hasId.set(cellKey(overwrites), ids.length > 0);
  }
}
