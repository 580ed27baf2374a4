/** Records in memory, and processed in parallel, at a time. */
export const CHUNK_SIZE = 100;

/** Entries of an index in memory at a time, where most may be of others and are left out. */
export const FILTERED_PAGE_SIZE = 1000;

/** Yields all items in groups of `CHUNK_SIZE`. Ends with the signal between two groups. */
export async function* chunks<T>(
  all: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T[], void, undefined> {
  let chunk: T[] = [];
  for await (const item of all) {
    chunk.push(item);
    if (chunk.length < CHUNK_SIZE) continue;
    yield chunk;
    signal?.throwIfAborted();
    chunk = [];
  }
  yield chunk;
}
