import { isStateError } from "../contract/errors.js";
import type { CallOptions, Change, EventId, SessionIdentity, StateStore } from "../contract/store.js";
import { type Cell, cellAt, corruptRecord, decodeRecord } from "../typed/cell.js";
import type { Headed } from "../typed/headed-bytes.js";
import type { Transaction } from "../typed/transaction.js";
import { type ChunkPlace, eraseChunks, MissingChunk, piecesOf, readChunks, writeChunks } from "./chunks.js";
import { joined } from "./joined.js";
import {
  chunkBytesIn,
  commitBytes,
  digestIn,
  digestOfValue,
  type KeyedValue,
  VALUE_CODEC,
  type ValueHeader,
} from "./keyed-value.js";
import { Outdated } from "./outdated.js";
import { beginUpload, removalOfUpload, type UploadOptions } from "./upload.js";

const NO_BYTES = new Uint8Array();

/** Where the values of a pool lie: three prefixes of kinds, of which none begins another. */
export interface PoolKinds {
  readonly values: string;
  readonly chunks: string;
  readonly uploads: string;
}

/**
 * Values under keys that are made of their content, so each is stored once.
 *
 * The chunks of a large value are written first, under the record of an upload. The record of the value is written when it
 * is first used, in the commit that removes the upload's. Each use of a value that its user did not find in a checkpoint
 * writes its record again: whoever removes unused values expects the event that it saw, and so cannot remove one that has
 * come into use since.
 */
export class ValuePool {
  readonly #store: StateStore;
  readonly #owner: SessionIdentity;
  readonly #kinds: PoolKinds;

  constructor(store: StateStore, owner: SessionIdentity, kinds: PoolKinds) {
    this.#store = store;
    this.#owner = owner;
    this.#kinds = kinds;
  }

  cell(key: string): Cell<Headed<ValueHeader>> {
    return cellAt(this.#owner, this.#kinds.values + key, VALUE_CODEC);
  }

  /** The bytes, and the version of the codec that wrote them; `undefined` if there is no such value. CORRUPT. */
  async read(
    key: string,
    options: CallOptions,
  ): Promise<{ readonly bytes: Uint8Array; readonly version: number } | undefined> {
    const cell = this.cell(key);
    const record = await this.#store.find(cell.identity, cell.kind, options);
    if (record === undefined) return undefined;
    const { header, bytes: inline } = await decodeRecord(VALUE_CODEC, record);
    const { version, size } = header;
    const bytes = size === undefined ? inline : await this.#joined(key, size, options);
    if (bytes instanceof MissingChunk) {
      // A chunk goes together with the record of its value, never alone. Both may have been written again since.
      const now = await this.#store.find(cell.identity, cell.kind, options);
      if (now?.eventId !== record.eventId) return now && this.read(key, options);
      throw corruptRecord({ identity: this.#owner, kind: bytes.kind }, "a chunk of a value is missing");
    }
    if ((await digestOfValue(bytes, version)) !== digestIn(key))
      throw corruptRecord(cell, "a value is not what was stored");
    return { bytes, version };
  }

  /**
   * Writes the chunks of a value, unless it is stored. An interrupted upload is gone on with. Returns the event of the
   * upload, for `use`. Throws `Outdated`.
   */
  async upload(
    value: KeyedValue,
    now: number,
    { mayBegin, signal }: UploadOptions,
  ): Promise<EventId | undefined> {
    signal?.throwIfAborted();
    const cell = this.cell(value.key);
    if ((await this.#store.find(cell.identity, cell.kind, { signal })) !== undefined) return undefined;
    const mark = { identity: this.#owner, kind: this.#kinds.uploads + value.key };
    const begun = await beginUpload(this.#store, mark, now, { mayBegin, signal });
    try {
      const pieces = piecesOf(value.bytes, chunkBytesOf(value));
      const terms = {
        guard: { op: "check", ...mark, expect: begun } as const,
        commitBytes: commitBytes(this.#store.limits),
      };
      await writeChunks(this.#store, this.#chunksOf(value.key, chunkBytesOf(value)), pieces, terms, {
        signal,
      });
      return begun;
    } catch (error) {
      // Another call has finished this upload, or has removed it as abandoned or with its lineage.
      throw isStateError(error, "CONDITION_FAILED") ? new Outdated() : error;
    }
  }

  /** Brings a value into use, as part of a commit. Throws `Outdated` if its chunks are gone, or not known to be whole. */
  async use(transaction: Transaction, value: KeyedValue): Promise<void> {
    const { key, version, bytes, chunkBytes, upload: finished } = value;
    const cell = this.cell(key);
    if (chunkBytes === undefined) return transaction.set(cell, { header: { version }, bytes });
    const upload = cellAt(this.#owner, this.#kinds.uploads + key, VALUE_CODEC);
    const [stored, uploaded] = await Promise.all([transaction.get(cell), transaction.getRecord(upload)]);
    // The upload of another, which began after the value had been removed, may still lack chunks.
    if (stored === undefined && (uploaded === undefined || uploaded.eventId !== finished))
      throw new Outdated();
    await transaction.set(cell, { header: { version, size: bytes.length }, bytes: NO_BYTES });
    if (uploaded !== undefined) transaction.delete(upload);
  }

  /** What has to be done in one commit to remove a value, with its chunks. */
  removal(key: string, eventId: EventId): Change[] {
    const { identity, kind } = this.cell(key);
    const record: Change = { op: "delete", identity, kind, expect: eventId };
    return chunkBytesIn(key) === undefined ? [record] : [record, eraseChunks(this.#chunksOf(key))];
  }

  /** What has to be done in one commit to remove an upload that nobody goes on with. */
  removalOfUpload(key: string, eventId: EventId): Change[] {
    const { identity, kind } = this.cell(key);
    const mark = { identity, kind: this.#kinds.uploads + key };
    return [
      { op: "check", identity, kind, expect: null },
      ...removalOfUpload(mark, eventId, this.#chunksOf(key)),
    ];
  }

  async #joined(key: string, size: number, options: CallOptions): Promise<Uint8Array | MissingChunk> {
    const chunkBytes = chunkBytesIn(key);
    if (chunkBytes === undefined) throw corruptRecord(this.cell(key), "the value has no chunks");
    const pieces = readChunks(this.#store, this.#chunksOf(key, chunkBytes), size, options);
    try {
      return await joined(pieces, size);
    } catch (error) {
      if (error instanceof MissingChunk) return error;
      throw error;
    }
  }

  #chunksOf(key: string, chunkBytes = 1): ChunkPlace {
    return { owner: this.#owner, prefix: `${this.#kinds.chunks}${key}/`, chunkBytes };
  }
}

function chunkBytesOf({ bytes, chunkBytes = bytes.length }: KeyedValue): number {
  return chunkBytes;
}
