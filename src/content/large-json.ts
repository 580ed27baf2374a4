import { invalid, type StateError } from "../contract/errors.js";
import type { CallOptions, RecordKey, SessionIdentity, StateStore } from "../contract/store.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf } from "../typed/names.js";
import { inOneSlice } from "../typed/slices.js";
import type { Clock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { readInteger } from "../validation/validate.js";
import { ChunkedContent, type ChunkKinds, type TakenContent } from "./chunked-content.js";
import type { ContentRef } from "./content-ref.js";
import { joined } from "./joined.js";

const DEFAULT_MAX_JSON = 64 * 1024 * 1024;
/** A text has at most some 512 MiB, and a value takes several times the room of its text. */
const MOST_JSON = 256 * 1024 * 1024;

/** The most bytes that JSON may have: as given, or 64 MiB. INVALID_RECORD. */
export function readMaxJson(given: object, field: string): number {
  if (!(field in given)) return DEFAULT_MAX_JSON;
  return readInteger((given as Record<string, unknown>)[field], field, 1, MOST_JSON);
}

/**
 * The JSON of a value that has more bytes than its record has room for; `undefined` for a value that lies in the record.
 * INVALID_RECORD of the field beyond `most`.
 */
export function largeJsonOf(
  value: JsonValue,
  field: string,
  { room, most }: { readonly room: number; readonly most: number },
): Uint8Array | undefined {
  const json = Buffer.from(JSON.stringify(value));
  if (json.length > most) throw tooLarge(field, most);
  return json.length > room ? json : undefined;
}

/** INVALID_RECORD, with what to do. */
export function tooLarge(field: string, most: number): StateError<"INVALID_RECORD"> {
  return invalid(
    field,
    `at most ${most} bytes of JSON: keep more as an artifact, and a reference to it here`,
  );
}

/**
 * JSON of records that is too large for them: it lies in chunks, and the record has a reference to it. The names of the chunks
 * begin with a digest of the record's id, so that they are found where the record cannot be read.
 */
export class LargeJson {
  readonly #store: StateStore;
  readonly #kinds: ChunkKinds;
  readonly #now: Clock;

  constructor(store: StateStore, kinds: ChunkKinds, now: Clock) {
    this.#store = store;
    this.#kinds = kinds;
    this.#now = now;
  }

  /** Stores JSON for the record of this id, and nobody sees it yet. If that fails, what was stored is removed. */
  keep(owner: SessionIdentity, id: string, json: Uint8Array, options: CallOptions): Promise<TakenContent> {
    return this.#of(owner).upload(json, digestOf(id), options);
  }

  /** Brings what was kept into use in the commit that writes its record. UNAVAILABLE (`busy`) if it was removed meanwhile. */
  show(owner: SessionIdentity, transaction: Transaction, kept: TakenContent): Promise<void> {
    return this.#of(owner).show(transaction, kept);
  }

  /** Removes it with its record: in the commit, or right after it. */
  hide(owner: SessionIdentity, transaction: Transaction, ref: ContentRef): Promise<void> {
    return this.#of(owner).hide(transaction, ref);
  }

  /** Removes what was kept, unless a record uses it. */
  drop(owner: SessionIdentity, kept: TakenContent): Promise<void> {
    return this.#of(owner).drop(kept);
  }

  /** The JSON that a record refers to, checked against its SHA-256. CORRUPT; `gone` where the record is no more. */
  async read(
    record: RecordKey & { readonly identity: SessionIdentity },
    ref: ContentRef,
    gone: () => Error,
    options: CallOptions,
  ): Promise<JsonValue> {
    const pieces = this.#of(record.identity).readFor(record, ref, gone, options);
    const bytes = await joined(pieces, ref.size);
    return inOneSlice(() => JSON.parse(Buffer.from(bytes.buffer).toString()) as JsonValue);
  }

  /** What the kinds of all that is stored for a record begin with. */
  prefixesOf(id: string): readonly string[] {
    return [this.#kinds.chunks, this.#kinds.uploads].map((kind) => `${kind}${digestOf(id)}/`);
  }

  #of(owner: SessionIdentity): ChunkedContent {
    return new ChunkedContent(this.#store, owner, this.#kinds, this.#now);
  }
}
