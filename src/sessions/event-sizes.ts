import type { FoundEntry } from "../typed/journal-read.js";

/** Of events in one page: a larger one is a page of its own. */
export const PAGE_BYTES = 16 * 1024 * 1024;

/** How many bytes the value of an event has, wherever it lies. */
export function bytesOf(entry: FoundEntry): number {
  return entry.is === "value" ? (entry.elsewhere?.size ?? entry.bytes.length) : 0;
}

/** Whether the value of an event lies elsewhere. */
export function isElsewhere(entry: FoundEntry): boolean {
  return entry.is === "value" && entry.elsewhere !== undefined;
}

/** How many of these events have so many bytes together at most. The first one counts, however large it is. */
export function countFitting(entries: readonly FoundEntry[], mostBytes: number): number {
  let bytes = 0;
  const place = entries.findIndex((entry, index) => {
    bytes += bytesOf(entry);
    return bytes > mostBytes && index > 0;
  });
  return place < 0 ? entries.length : place;
}
