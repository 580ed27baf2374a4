import { isStateError, StateError } from "../contract/errors.js";
import type {
  CallOptions,
  Change,
  NewRecord,
  RecordHeader,
  RecordKey,
  SessionIdentity,
  StateStore,
} from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { type Cell, cellAt, corruptRecord } from "../typed/cell.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { rawCell } from "../typed/moving/moved-record.js";
import type { Clock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import {
  type ChunkPlace,
  chunkKind,
  eraseChunks,
  MissingChunk,
  piecesOf,
  readChunkRecords,
  writeChunks,
} from "./chunks.js";
import type { ContentRef } from "./content-ref.js";
import { commitBytes, VALUE_CODEC } from "./keyed-value.js";
import { RunningDigest } from "./running-digest.js";
import { type ContentSource, chunksOf } from "./source.js";
import { beginUpload, MARK, removalOfUpload } from "./upload.js";

/** Where content in chunks lies: prefixes of kinds, of which none begins another. */
export interface ChunkKinds {
  readonly chunks: string;
  readonly uploads: string;
}

/** Content that was read from its source. What did not fit into one commit is stored, and seen by nobody yet. */
export interface TakenContent extends ContentRef {
  /** The first bytes, up to one chunk of them. */
  readonly start: Uint8Array;
  /** It lies in chunks already, under the record of an upload. */
  readonly isUploaded: boolean;
}

const KIB = 1024;
/** Content up to this is written in the commit of the record that uses it. */
const MAX_INLINE_BYTES = 256 * KIB;
const MAX_CHUNK_BYTES = 1024 * KIB;
/** How often a slow upload says that it goes on. */
const RENEWED_MS = 60_000;
const NO_BYTES = new Uint8Array();

/**
 * Content of one owner in chunks, under a name of its own. More than a commit has room for is written first, under the record
 * of an upload; the commit that uses it deletes that record: chunks that nobody uses have one, whatever was interrupted.
 *
 * The version of a chunk's record has the first bits of the digest of everything up to its end, so that a reader notices
 * damage at the chunk where it is.
 */
export class ChunkedContent {
  readonly #store: StateStore;
  readonly #owner: SessionIdentity;
  readonly #kinds: ChunkKinds;
  readonly #now: Clock;
  readonly #chunkBytes: number;

  constructor(store: StateStore, owner: SessionIdentity, kinds: ChunkKinds, now: Clock) {
    this.#store = store;
    this.#owner = owner;
    this.#kinds = kinds;
    this.#now = now;
    this.#chunkBytes = Math.min(store.limits.maxBytes, MAX_CHUNK_BYTES);
  }

  /** The most bytes that `takeSmall` accepts. */
  static smallBytes({ limits }: StateStore): number {
    return Math.min(MAX_INLINE_BYTES, limits.maxBytes);
  }

  /** Takes content that is written in the commit that uses it. */
  takeSmall(bytes: Uint8Array): TakenContent {
    const digest = new RunningDigest();
    digest.add(bytes);
    return { ...this.#ref(digest, newEventId()), start: bytes, isUploaded: false };
  }

  /**
   * Reads a source to its end. No more of it is held than a commit has. If that fails, what was stored is removed. UNAVAILABLE
   * (`busy`) if somebody removed it meanwhile, because the source paused for too long.
   */
  async take(source: ContentSource, { signal }: CallOptions): Promise<TakenContent> {
    const smallBytes = ChunkedContent.smallBytes(this.#store);
    if (source instanceof Uint8Array && source.length <= smallBytes) return this.takeSmall(source);
    const mark: { renew?: () => Promise<void> | undefined } = {};
    const chunks = chunksOf(source, this.#chunkBytes, signal, () => mark.renew?.());
    try {
      const { value: first = NO_BYTES } = await chunks.next();
      // Only the last chunk is smaller than the others.
      if (first.length < this.#chunkBytes && first.length <= smallBytes) return this.takeSmall(first.slice());
      return await this.#upload(newEventId(), startingWith(first, chunks), mark, signal);
    } finally {
      await chunks.return();
    }
  }

  /** Stores bytes of any size that nobody sees yet, under a name that begins with this one. */
  upload(bytes: Uint8Array, under: string, { signal }: CallOptions): Promise<TakenContent> {
    const chunks = chunksOf(bytes, this.#chunkBytes, signal);
    return this.#upload(`${under}/${newEventId()}`, chunks, {}, signal);
  }

  /** Content as the records of its chunks, under this name: for who writes them where nobody sees them. */
  recordsOf(bytes: Uint8Array, chunks: string): { readonly ref: ContentRef; readonly records: NewRecord[] } {
    const digest = new RunningDigest();
    const prefix = this.#prefixOf(chunks);
    const records = Array.from(piecesOf(bytes, this.#chunkBytes), (piece, index) => ({
      eventId: newEventId(),
      identity: this.#owner,
      kind: chunkKind(prefix, index),
      bytes: piece,
      version: digest.add(piece),
    }));
    return { ref: this.#ref(digest, chunks), records };
  }

  /** What removes the chunks of a content that nobody sees, as part of a commit. */
  removalOf({ chunks }: Pick<ContentRef, "chunks">): Change {
    return eraseChunks({ owner: this.#owner, prefix: this.#prefixOf(chunks) });
  }

  /** Makes the content that of the record which the commit writes. UNAVAILABLE (`busy`) if its chunks are gone. */
  async show(transaction: Transaction, taken: TakenContent): Promise<void> {
    if (taken.isUploaded) {
      const mark = this.#markCell(taken.chunks);
      if ((await transaction.getRecord(mark)) === undefined) throw uploadIsGone();
      transaction.delete(mark);
    } else if (taken.size > 0) {
      const version = new RunningDigest().add(taken.start);
      await transaction.create(this.#onlyChunk(taken, version), taken.start);
    }
  }

  /** What no record uses any more, as part of a commit. It is removed with it, or right after it. */
  async hide(transaction: Transaction, ref: ContentRef): Promise<void> {
    if (ref.size <= ref.chunkBytes) return transaction.delete(this.#onlyChunk(ref));
    await transaction.write(this.#markCell(ref.chunks), MARK, undefined, undefined, new Date(this.#now()));
    transaction.afterCommit(() => this.drop(ref));
  }

  /** Like `read`, for a record that uses the content: where that is gone, so may be its chunks, and the error is this. */
  async *readFor(
    { identity, kind }: RecordKey,
    ref: ContentRef,
    gone: () => Error,
    { signal }: CallOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* this.read(ref, { signal });
    } catch (error) {
      if (!(error instanceof MissingChunk)) throw error;
      if ((await this.#store.find(identity, kind, { signal })) === undefined) throw gone();
      throw corruptRecord({ identity: this.#owner, kind: error.kind }, "a chunk is missing");
    }
  }

  /** The bytes in chunks. CORRUPT at the chunk that is not what was stored. Throws `MissingChunk`. */
  async *read(ref: ContentRef, { signal }: CallOptions): AsyncGenerator<Uint8Array, void, undefined> {
    const digest = new RunningDigest();
    for await (const record of readChunkRecords(this.#store, this.#chunksOf(ref), ref.size, { signal })) {
      signal?.throwIfAborted();
      const isSame = digest.add(record.bytes) === record.version;
      if (!isSame || (digest.size === ref.size && digest.sha256 !== ref.sha256))
        throw corruptRecord(record, "a chunk is not what was stored");
      yield record.bytes;
    }
  }

  /** Removes what was uploaded, unless it is in use. What cannot be removed now is left to `removeUpload`. */
  async drop({ chunks }: Pick<ContentRef, "chunks">): Promise<void> {
    try {
      const { identity, kind } = this.#markCell(chunks);
      const mark = await this.#store.find(identity, kind);
      if (mark !== undefined) await this.removeUpload(mark);
    } catch {}
  }

  /** Removes an upload with its chunks, unless it was gone on with. Returns whether it was removed. */
  async removeUpload({ identity, kind, eventId }: RecordHeader, options: CallOptions = {}): Promise<boolean> {
    const prefix = this.#prefixOf(kind.slice(this.#kinds.uploads.length));
    const changes = removalOfUpload({ identity, kind }, eventId, { owner: this.#owner, prefix });
    try {
      await commitWithRetries(this.#store, changes, { ...options, repeatable: true });
      return true;
    } catch (error) {
      if (isStateError(error, "CONDITION_FAILED")) return false;
      throw error;
    }
  }

  async #upload(
    chunks: string,
    pieces: AsyncIterable<Uint8Array>,
    mark: { renew?: () => Promise<void> | undefined },
    signal: AbortSignal | undefined,
  ): Promise<TakenContent> {
    const digest = new RunningDigest();
    const { identity, kind } = this.#markCell(chunks);
    const bytes = await VALUE_CODEC.encode(MARK);
    let start: Uint8Array = NO_BYTES;
    let renewedAt = this.#now();
    let last = await beginUpload(this.#store, { identity, kind }, renewedAt, { signal });
    // Each commit renews the record, and so does a source that is slow: what goes on is never taken for abandoned.
    const guard = (): Change => {
      renewedAt = this.#now();
      const record = { eventId: newEventId(), identity, kind, bytes, updatedAt: new Date(renewedAt) };
      const change: Change = { op: "save", record, expect: last };
      last = record.eventId;
      return change;
    };
    mark.renew = () =>
      this.#now() < renewedAt + RENEWED_MS
        ? undefined
        : commitWithRetries(this.#store, [guard()], { signal, repeatable: true }).then(() => {});
    const terms = {
      guard,
      commitBytes: commitBytes(this.#store.limits),
      isFresh: true,
      versionOf: (chunk: Uint8Array) => {
        if (digest.size === 0) start = chunk;
        return digest.add(chunk);
      },
    };
    const place = this.#chunksOf({ chunks, chunkBytes: this.#chunkBytes });
    try {
      await writeChunks(this.#store, place, pieces, terms, { signal });
    } catch (error) {
      await this.drop({ chunks });
      throw isStateError(error, "CONDITION_FAILED") ? uploadIsGone() : error;
    }
    return { ...this.#ref(digest, chunks), start, isUploaded: true };
  }

  #ref({ sha256, size }: RunningDigest, chunks: string): ContentRef {
    return { sha256, size, chunks, chunkBytes: this.#chunkBytes };
  }

  #markCell(chunks: string): Cell<typeof MARK> {
    return cellAt(this.#owner, this.#kinds.uploads + chunks, VALUE_CODEC);
  }

  #onlyChunk({ chunks }: ContentRef, version?: number): Cell<Uint8Array> {
    return rawCell(this.#owner, chunkKind(this.#prefixOf(chunks), 0), version);
  }

  #chunksOf({ chunks, chunkBytes }: Pick<ContentRef, "chunks" | "chunkBytes">): ChunkPlace {
    return { owner: this.#owner, prefix: this.#prefixOf(chunks), chunkBytes };
  }

  #prefixOf(chunks: string): string {
    return `${this.#kinds.chunks}${chunks}/`;
  }
}

/** What is stored of content, without the rest. */
export function refOf({ sha256, size, chunks, chunkBytes }: ContentRef): ContentRef {
  return { sha256, size, chunks, chunkBytes };
}

async function* startingWith(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield first;
  yield* rest;
}

function uploadIsGone(): StateError<"UNAVAILABLE"> {
  return new StateError(
    "UNAVAILABLE",
    "the upload was removed before it was finished: its source paused for too long, or the session was moved or deleted",
    { details: { reason: "busy" } },
  );
}
