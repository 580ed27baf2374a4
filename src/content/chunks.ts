import type { CallOptions, Change, SessionIdentity, StateRecord, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { corruptRecord } from "../typed/cell.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";

/** Where the chunks of one content lie: under a prefix of kinds, each of the same size but the last. */
export interface ChunkPlace {
  readonly owner: SessionIdentity;
  readonly prefix: string;
  readonly chunkBytes: number;
}

const DIGITS = 6;
const READS_AT_ONCE = 4;
/** In one commit, where they are small. */
const MOST_CHUNKS = 1_000;

/** Bytes in pieces of a size; only the last may be smaller. Nothing is copied. */
export function* piecesOf(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

/** How chunks are written. */
export interface WriteTerms {
  /** What every commit depends on; a function is asked for each commit. */
  readonly guard: Change | (() => Change);
  readonly commitBytes: number;
  /** Nothing lies under the prefix yet. */
  readonly isFresh?: boolean;
  /** The version of each chunk's record, asked for in their order. Default 0. */
  readonly versionOf?: (bytes: Uint8Array) => number;
}

/**
 * Writes pieces as chunks, those that are there already left out, in commits of so many bytes. All depend on the guard.
 * CONDITION_FAILED if it does not hold. The pieces may come from anywhere: no more of them are held than one commit has.
 */
export async function writeChunks(
  store: StateStore,
  { owner, prefix, chunkBytes }: ChunkPlace,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { guard, commitBytes, isFresh = false, versionOf = () => 0 }: WriteTerms,
  options: CallOptions,
): Promise<void> {
  const there = isFresh ? [] : await store.list(owner, prefix, { ...options, bytes: false });
  const known = new Set(there.map(({ kind }) => kind));
  const most = Math.min(MOST_CHUNKS, Math.max(1, Math.floor(commitBytes / chunkBytes)));
  let batch: Change[] = [];
  const commit = async () => {
    const condition = typeof guard === "function" ? guard() : guard;
    await commitWithRetries(store, [condition, ...batch], { ...options, repeatable: true });
    batch = [];
  };
  let index = 0;
  for await (const bytes of pieces) {
    const kind = chunkKind(prefix, index++);
    const version = versionOf(bytes);
    if (known.has(kind)) continue;
    batch.push({ op: "save", record: { eventId: newEventId(), identity: owner, kind, bytes, version } });
    if (batch.length === most) await commit();
  }
  if (batch.length > 0) await commit();
}

/** Thrown where a chunk is missing. */
export class MissingChunk extends Error {
  readonly kind: string;

  constructor(kind: string) {
    super();
    this.kind = kind;
  }
}

/** Reads content of this size, some chunks at a time. Throws `MissingChunk`; CORRUPT for one of another size. */
export async function* readChunks(
  store: StateStore,
  place: ChunkPlace,
  size: number,
  options: CallOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { bytes } of readChunkRecords(store, place, size, options)) yield bytes;
}

/** The same, with their records. */
export async function* readChunkRecords(
  store: StateStore,
  { owner, prefix, chunkBytes }: ChunkPlace,
  size: number,
  options: CallOptions,
): AsyncGenerator<StateRecord, void, undefined> {
  const count = Math.ceil(size / chunkBytes);
  for (let first = 0; first < count; first += READS_AT_ONCE) {
    const indexes = Array.from({ length: Math.min(READS_AT_ONCE, count - first) }, (_, at) => first + at);
    const kinds = indexes.map((index) => chunkKind(prefix, index));
    const found = await Promise.all(kinds.map((kind) => store.find(owner, kind, options)));
    for (const [at, chunk] of found.entries()) {
      if (chunk === undefined) throw new MissingChunk(kinds[at] as string);
      if (chunk.bytes.length !== Math.min(chunkBytes, size - (first + at) * chunkBytes))
        throw corruptRecord(chunk, "a chunk of a value has a wrong size");
      yield chunk;
    }
  }
}

/** Removes the chunks, as part of a commit. */
export function eraseChunks({ owner, prefix }: Pick<ChunkPlace, "owner" | "prefix">): Change {
  // Nothing but chunks lies under the prefix, so this is safe in the state of a user too.
  return { op: "erase", identity: owner, prefix, ownState: true };
}

export function chunkKind(prefix: string, index: number): string {
  return prefix + String(index).padStart(DIGITS, "0");
}
