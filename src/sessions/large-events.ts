import { createHash } from "node:crypto";
import { ChunkedContent, refOf } from "../content/chunked-content.js";
import { MissingChunk, piecesOf } from "../content/chunks.js";
import { type ContentRef, readContentRef } from "../content/content-ref.js";
import { joined } from "../content/joined.js";
import { readMaxJson, tooLarge } from "../content/large-json.js";
import { Outdated } from "../content/outdated.js";
import { isStateError } from "../contract/errors.js";
import type { CallOptions, Change, SessionIdentity, StateStore } from "../contract/store.js";
import { type Cell, cellAt, copySession, corruptRecord } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { mappedJson } from "../typed/codec.js";
import type { KeptValue, ValueDigest, ValuesElsewhere } from "../typed/journal-elsewhere.js";
import { JournalPlaces } from "../typed/journal-places.js";
import { itemKind, itemPrefix } from "../typed/names.js";
import { firstStepThenSlices, type Steps } from "../typed/slices.js";
import type { Clock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { editLogCell } from "./edit-log.js";
import { EVENTS, headCell, SESSION_HEAD } from "./session-head.js";

/** Where the chunks of large events lie. */
export const EVENT_CONTENT = { chunks: "session.chunk/", uploads: "session.upload/" };
const CONTENTS = "session.content";
/** What the kinds of the records begin with that say where large events are. */
const CONTENTS_PREFIX = itemPrefix(CONTENTS);
/** All that is stored of large events beside their records. */
export const LARGE_PREFIXES = [CONTENTS_PREFIX, EVENT_CONTENT.chunks, EVENT_CONTENT.uploads];

/** Room for what the record of an edited event says before its value. */
const HEADER_BYTES = 1024;
/** Of numbers of one commit, or of one page. */
const PAGE = 1_000;
/** How often the content is sought of an event that is edited meanwhile. */
const MAX_READS = 3;
const DIGITS = 16;
const HASHED_AT_ONCE = 512 * 1024;

const REF_CODEC = mappedJson<ContentRef>({ write: (ref) => ({ ...ref }), read: readContentRef });

/**
 * The values of events that their records have no room for. A record says by its digest which value an event has, and a second
 * one, by the number of the event, where that is: so the record is the same when the same call comes again, and the content of
 * an event is found also where its record cannot be read. The head of a session says whether it has had any such event.
 */
export class LargeEvents implements ValuesElsewhere {
  readonly #store: StateStore;
  readonly #now: Clock;
  readonly #most: number;
  readonly #places = new JournalPlaces(EVENTS, { version: 0 }, SESSION_HEAD);

  /** INVALID_RECORD. */
  constructor(store: StateStore, now: Clock, options: { readonly maxJsonBytes?: number } = {}) {
    this.#store = store;
    this.#now = now;
    this.#most = readMaxJson(options, "maxJsonBytes");
  }

  /** The most bytes that an event may have. */
  get maxJsonBytes(): number {
    return this.#most;
  }

  digest(bytes: Uint8Array): Promise<ValueDigest> | undefined {
    return this.#digest(bytes, this.#store.limits.maxBytes);
  }

  /** The same for a value that is written with what is known of its event before it. INVALID_RECORD. */
  digestEdited(bytes: Uint8Array): Promise<ValueDigest> | undefined {
    return this.#digest(bytes, this.#room);
  }

  /** The digest of what a copy of an event has no room for, in a record that may say more than the one that is copied. */
  digestCopied(bytes: Uint8Array): Promise<ValueDigest> | undefined {
    return bytes.length > this.#room ? digestOf(bytes) : undefined;
  }

  async keep(owner: SessionIdentity, bytes: Uint8Array, options: CallOptions): Promise<KeptValue> {
    const content = this.#of(owner);
    const taken = await content.upload(bytes, "event", options);
    return {
      async show(transaction, number) {
        await transaction.set(contentCell(owner, number), refOf(taken));
        await content.show(transaction, taken);
      },
      clear: () => content.drop(taken),
    };
  }

  /** The bytes of the value of an event. CORRUPT. Throws `Outdated` if the event has been edited or removed since it was read. */
  async read(
    identity: SessionIdentity,
    number: number,
    digest: ValueDigest,
    { signal }: CallOptions,
  ): Promise<Uint8Array> {
    const owner = copySession(identity);
    const cell = contentCell(owner, number);
    for (let reads = 1; ; reads++) {
      const ref = (await findCell(this.#store, cell, { signal }))?.value;
      const found = ref && isOf(ref, digest) ? await this.#joined(owner, ref, signal) : undefined;
      if (found instanceof Uint8Array) return found;
      if (!(await this.#isStill(owner, number, digest, signal))) throw new Outdated();
      // It may have been replaced by the same value between the reads of both records.
      if (reads === MAX_READS)
        throw corruptRecord(
          { identity: owner, kind: found?.kind ?? cell.kind },
          "the content of an event is missing",
        );
    }
  }

  /** The same as a transaction sees it, which depends on it. CORRUPT. Throws `Outdated`. */
  async readIn(
    transaction: Transaction,
    owner: SessionIdentity,
    number: number,
    digest: ValueDigest,
  ): Promise<Uint8Array> {
    const cell = contentCell(owner, number);
    const ref = await transaction.get(cell);
    const found = ref && isOf(ref, digest) ? await this.#joined(owner, ref, undefined) : undefined;
    if (found instanceof Uint8Array) return found;
    throw corruptRecord(
      { identity: owner, kind: found?.kind ?? cell.kind },
      "the content of an event is missing",
    );
  }

  /** The numbers of large events from one up to before another, in order, as a transaction sees them. It depends on them. */
  async numbers(
    transaction: Transaction,
    owner: SessionIdentity,
    from: number,
    until: number,
  ): Promise<readonly number[]> {
    if ((await transaction.get(headCell(owner)))?.hasLarge !== true) return [];
    // Whoever makes an event large, or small, writes the head or this record.
    await transaction.get(editLogCell(owner));
    const found = new Set<number>();
    for (let after: string | undefined; ; ) {
      const range = { from: contentCell(owner, from).kind, before: contentCell(owner, until).kind, after };
      const page = await this.#store.list(owner, CONTENTS_PREFIX, { ...range, limit: PAGE, bytes: false });
      for (const { kind } of page) found.add(Number(kind.slice(CONTENTS_PREFIX.length)));
      after = page.at(-1)?.kind;
      if (page.length < PAGE) break;
    }
    // What a unit has written itself is not stored yet.
    for (let number = from; number < until; number++)
      if ((await transaction.recordOf(contentCell(owner, number))) !== undefined) found.add(number);
    return [...found].sort((one, other) => one - other);
  }

  async remove(
    transaction: Transaction,
    identity: SessionIdentity,
    from: number,
    until: number,
  ): Promise<void> {
    const owner = copySession(identity);
    for (const number of await this.numbers(transaction, owner, from, until))
      await this.hide(transaction, owner, number);
  }

  /** Removes the content of an event, if it has any, as part of a commit. */
  async hide(transaction: Transaction, owner: SessionIdentity, number: number): Promise<void> {
    const cell = contentCell(owner, number);
    const ref = await transaction.get(cell).catch((error) => {
      if (isStateError(error, "CORRUPT")) return "damaged" as const;
      throw error;
    });
    if (ref === undefined) return;
    transaction.delete(cell);
    if (ref !== "damaged") await this.#of(owner).hide(transaction, ref);
  }

  /** Removes the chunks of a content that nobody sees, as part of a commit. */
  removalOf(owner: SessionIdentity, ref: ContentRef): Change {
    return this.#of(owner).removalOf(ref);
  }

  /** Whether the session has any large event. */
  async hasAny(owner: SessionIdentity, { signal }: CallOptions): Promise<boolean> {
    return hasLargeEvents(this.#store, owner, signal);
  }

  get #room(): number {
    const { maxBytes } = this.#store.limits;
    return Math.max(maxBytes - HEADER_BYTES, maxBytes >> 1);
  }

  #digest(bytes: Uint8Array, room: number): Promise<ValueDigest> | undefined {
    if (bytes.length > this.#most) throw tooLarge("value", this.#most);
    // The codec is the caller's: what it returns may be no bytes, which the store refuses.
    return bytes.length > room ? digestOf(bytes) : undefined;
  }

  /** The chunk that is missing, where one is. CORRUPT for one that is not what was stored. */
  async #joined(
    owner: SessionIdentity,
    ref: ContentRef,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | MissingChunk> {
    try {
      return await joined(this.#of(owner).read(ref, { signal }), ref.size);
    } catch (error) {
      if (error instanceof MissingChunk) return error;
      throw error;
    }
  }

  async #isStill(
    owner: SessionIdentity,
    number: number,
    digest: ValueDigest,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const record = await this.#store.find(owner, this.#places.kind(number), { signal });
    const entry = record && (await this.#places.read(record));
    return entry?.is === "value" && entry.elsewhere !== undefined && isOf(entry.elsewhere, digest);
  }

  #of(owner: SessionIdentity): ChunkedContent {
    return new ChunkedContent(this.#store, owner, EVENT_CONTENT, this.#now);
  }
}

/** Whether a session has any large event. */
export async function hasLargeEvents(
  store: StateStore,
  owner: SessionIdentity,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return (await store.count(owner, CONTENTS_PREFIX, { limit: 1, signal })) > 0;
}

/** The record that says where the content of an event is. */
export function contentCell(owner: SessionIdentity, number: number): Cell<ContentRef> {
  return cellAt(owner, itemKind(CONTENTS, String(number).padStart(DIGITS, "0")), REF_CODEC);
}

function digestOf(bytes: Uint8Array): Promise<ValueDigest> {
  return firstStepThenSlices(digestSteps(bytes));
}

function* digestSteps(bytes: Uint8Array): Steps<ValueDigest> {
  const hash = createHash("sha256");
  for (const [index, piece] of [...piecesOf(bytes, HASHED_AT_ONCE)].entries()) {
    if (index > 0) yield;
    hash.update(piece);
  }
  return { sha256: hash.digest("hex"), size: bytes.length };
}

function isOf(one: ValueDigest, other: ValueDigest): boolean {
  return one.sha256 === other.sha256 && one.size === other.size;
}
