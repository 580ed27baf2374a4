import { cellKey } from "../cell.js";
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
  let writes = 0;
  let bytes = 0;
  let count = 0;
  for (const { work } of queue) {
    const added = work.reads.map(cellKey).filter((key) => !read.has(key));
    writes += work.writes;
    bytes += work.bytes ?? 0;
    const isFull = read.size + added.length + writes > MAX_CHANGES || bytes > MAX_BYTES;
    if (isFull && count > 0) break;
    for (const key of added) read.add(key);
    count++;
  }
  const batch = queue.splice(0, count);
  for (const queued of batch) queued.isTaken = true;
  return batch;
}
