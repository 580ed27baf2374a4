import { isStateError } from "../contract/errors.js";
import type { CallOptions, Change, EventId, SessionIdentity, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { jitteredPause } from "../timing/backoff.js";
import { sleep } from "../timing/real-timers.js";
import { type Cell, cellAt, corruptRecord, decodeRecord } from "../typed/cell.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import type { Transaction } from "../typed/transaction.js";
import { changedAllTheTime } from "./errors.js";
import type { Headed } from "./headed-bytes.js";
import type { PoolKinds } from "./kinds.js";
import { Outdated } from "./outdated.js";
import {
  chunkBytesIn,
  commitBytes,
  digestIn,
  digestOfValue,
  type KeyedValue,
  VALUE_CODEC,
  type ValueHeader,
} from "./stored-value.js";

const CHUNK_DIGITS = 6;
const MAX_ATTEMPTS = 50;
const BACKOFF = { baseMs: 2, mostMs: 100, random: Math.random };
const READS_AT_ONCE = 4;
const NO_BYTES = new Uint8Array();

/** The options of an upload. */
interface UploadOptions extends CallOptions {
  /** The condition under which an upload may begin. Throws `Outdated` if it does not hold. */
  readonly mayBegin?: (() => Promise<Change>) | undefined;
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
    const bytes = size === undefined ? inline : await this.#readChunks(key, size, options);
    if (!(bytes instanceof Uint8Array)) {
      // A chunk goes together with the record of its value, never alone. Both may have been written again since.
      const now = await this.#store.find(cell.identity, cell.kind, options);
      if (now?.eventId !== record.eventId) return now && this.read(key, options);
      throw corruptRecord({ identity: this.#owner, kind: bytes.missing }, "a chunk of a value is missing");
    }
    if ((await digestOfValue(bytes, version)) !== digestIn(key))
      throw corruptRecord(cell, "the value of a channel is not what was stored");
    return { bytes, version };
  }

  /** Writes the chunks of a value, unless it is stored. An interrupted upload is gone on with. Throws `Outdated`. */
  async upload(value: KeyedValue, now: number, { mayBegin, signal }: UploadOptions): Promise<void> {
    signal?.throwIfAborted();
    const cell = this.cell(value.key);
    if ((await this.#store.find(cell.identity, cell.kind, { signal })) !== undefined) return;
    const begun = await this.#beginUpload(value.key, now, { mayBegin, signal });
    try {
      await this.#writeChunks(value, begun, { signal });
    } catch (error) {
      // Another call has finished this upload, or has removed it as abandoned or with its lineage.
      throw isStateError(error, "CONDITION_FAILED") ? new Outdated() : error;
    }
  }

  /** Brings a value into use, as part of a commit. Throws `Outdated` if its chunks are gone. */
  async use(transaction: Transaction, value: KeyedValue): Promise<void> {
    const { key, version, bytes, chunkBytes } = value;
    const cell = this.cell(key);
    if (chunkBytes === undefined) return transaction.set(cell, { header: { version }, bytes });
    const upload = cellAt(this.#owner, this.#kinds.uploads + key, VALUE_CODEC);
    const [stored, uploaded] = await Promise.all([transaction.get(cell), transaction.get(upload)]);
    if (stored === undefined && uploaded === undefined) throw new Outdated();
    await transaction.set(cell, { header: { version, size: bytes.length }, bytes: NO_BYTES });
    if (uploaded !== undefined) transaction.delete(upload);
  }

  /** What has to be done in one commit to remove a value, with its chunks. */
  removal(key: string, eventId: EventId): Change[] {
    const { identity, kind } = this.cell(key);
    const record: Change = { op: "delete", identity, kind, expect: eventId };
    return chunkBytesIn(key) === undefined ? [record] : [record, this.#eraseChunks(key)];
  }

  /** What has to be done in one commit to remove an upload that nobody goes on with. */
  removalOfUpload(key: string, eventId: EventId): Change[] {
    const { identity, kind } = this.cell(key);
    return [
      { op: "check", identity, kind, expect: null },
      { op: "delete", identity, kind: this.#kinds.uploads + key, expect: eventId },
      this.#eraseChunks(key),
    ];
  }

  #eraseChunks(key: string): Change {
    return { op: "erase", identity: this.#owner, prefix: this.#chunksOf(key) };
  }

  async #beginUpload(key: string, now: number, { mayBegin, signal }: UploadOptions): Promise<Change> {
    const slot = { identity: this.#owner, kind: this.#kinds.uploads + key };
    const bytes = await VALUE_CODEC.encode({ header: { version: 0 }, bytes: NO_BYTES });
    for (let attempt = 1; ; attempt++) {
      const conditions = mayBegin === undefined ? [] : [await mayBegin()];
      const begun = await this.#store.find(slot.identity, slot.kind, { signal });
      if (begun !== undefined) return { op: "check", ...slot, expect: begun.eventId };
      const record = { ...slot, eventId: newEventId(), bytes, updatedAt: new Date(now) };
      try {
        const save: Change = { op: "save", record, expect: null };
        await commitWithRetries(this.#store, [...conditions, save], { signal, repeatable: true });
        return { op: "check", ...slot, expect: record.eventId };
      } catch (error) {
        if (!isStateError(error, "CONDITION_FAILED")) throw error;
        if (attempt === MAX_ATTEMPTS) throw changedAllTheTime();
        await sleep(jitteredPause(attempt, BACKOFF), signal);
      }
    }
  }

  async #writeChunks(value: KeyedValue, begun: Change, options: CallOptions): Promise<void> {
    const { key, bytes, chunkBytes = bytes.length } = value;
    const prefix = this.#chunksOf(key);
    const there = await this.#store.list(this.#owner, prefix, { ...options, bytes: false });
    const known = new Set(there.map(({ kind }) => kind));
    const missing: Change[] = [];
    for (let from = 0, index = 0; from < bytes.length; from += chunkBytes, index++) {
      const kind = chunkKind(prefix, index);
      const piece = bytes.subarray(from, from + chunkBytes);
      const record = { eventId: newEventId(), identity: this.#owner, kind, bytes: piece };
      if (!known.has(kind)) missing.push({ op: "save", record });
    }
    const atOnce = Math.max(1, Math.floor(commitBytes(this.#store.limits) / chunkBytes));
    for (let from = 0; from < missing.length; from += atOnce)
      await commitWithRetries(this.#store, [begun, ...missing.slice(from, from + atOnce)], {
        ...options,
        repeatable: true,
      });
  }

  async #readChunks(
    key: string,
    size: number,
    options: CallOptions,
  ): Promise<Uint8Array | { readonly missing: string }> {
    const chunkBytes = chunkBytesIn(key);
    if (chunkBytes === undefined) throw corruptRecord(this.cell(key), "the value of a channel has no chunks");
    // Collected before they are joined: a size that is damaged must not allocate memory.
    const pieces: Uint8Array[] = [];
    const count = Math.ceil(size / chunkBytes);
    for (let first = 0; first < count; first += READS_AT_ONCE) {
      const indexes = Array.from({ length: Math.min(READS_AT_ONCE, count - first) }, (_, at) => first + at);
      const kinds = indexes.map((index) => chunkKind(this.#chunksOf(key), index));
      const found = await Promise.all(kinds.map((kind) => this.#store.find(this.#owner, kind, options)));
      for (const [at, chunk] of found.entries()) {
        const from = (first + at) * chunkBytes;
        if (chunk === undefined) return { missing: kinds[at] as string };
        if (chunk.bytes.length !== Math.min(chunkBytes, size - from))
          throw corruptRecord(chunk, "a chunk of a value has a wrong size");
        pieces.push(chunk.bytes);
      }
    }
    const whole = new Uint8Array(size);
    for (const [index, piece] of pieces.entries()) whole.set(piece, index * chunkBytes);
    return whole;
  }

  #chunksOf(key: string): string {
    return `${this.#kinds.chunks}${key}/`;
  }
}

function chunkKind(prefix: string, index: number): string {
  return prefix + String(index).padStart(CHUNK_DIGITS, "0");
}
