import type { SessionIdentity, StateStore } from "../contract/store.js";
import { type Cell, cellAt } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import type { Clock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { ChunkedContent, type ChunkKinds, refOf, type TakenContent } from "./chunked-content.js";
import { type ContentRef, readContentRef } from "./content-ref.js";

/** Where counted content lies: three prefixes of kinds, of which none begins another. */
export interface ContentKinds extends ChunkKinds {
  readonly contents: string;
}

interface StoredContent extends ContentRef {
  /** How many records use it. */
  readonly uses: number;
}

const CONTENT_CODEC = mappedJson<StoredContent>({
  write: (content) => ({ ...content }),
  read(value) {
    const given = readNamed(value, "content", ["uses", "sha256", "size", "chunks", "chunkBytes"]);
    const { uses, ...ref } = given as StoredContent;
    return { uses: readInteger(uses, "uses", 1, Number.MAX_SAFE_INTEGER), ...readContentRef(ref) };
  },
});

/**
 * Content of one owner, known by its SHA-256, so that equal content is stored once however many records use it. Each use is
 * counted in the commit that writes or deletes the record that uses it.
 *
 * What is no longer used gets the record of an upload again until its chunks are removed.
 */
export class CountedContent extends ChunkedContent {
  readonly #owner: SessionIdentity;
  readonly #contents: string;

  constructor(store: StateStore, owner: SessionIdentity, kinds: ContentKinds, now: Clock) {
    super(store, owner, kinds, now);
    this.#owner = owner;
    this.#contents = kinds.contents;
  }

  /** Counts a use, as part of a commit. Returns where the content lies. */
  async hold(transaction: Transaction, taken: TakenContent): Promise<ContentRef> {
    const cell = this.#cell(taken.sha256);
    const stored = await transaction.get(cell);
    if (stored !== undefined) {
      await transaction.set(cell, { ...stored, uses: stored.uses + 1 });
      // The same content has come again.
      if (taken.isUploaded) transaction.afterCommit(() => this.drop(taken));
      return refOf(stored);
    }
    const ref = refOf(taken);
    await transaction.set(cell, { ...ref, uses: 1 });
    await this.show(transaction, taken);
    return ref;
  }

  /** Counts a use less, as part of a commit. What is no longer used is removed with it, or right after it. */
  async release(transaction: Transaction, { sha256 }: ContentRef): Promise<void> {
    const cell = this.#cell(sha256);
    const stored = await transaction.get(cell);
    if (stored === undefined) return;
    if (stored.uses > 1) return transaction.set(cell, { ...stored, uses: stored.uses - 1 });
    transaction.delete(cell);
    await this.hide(transaction, stored);
  }

  #cell(sha256: string): Cell<StoredContent> {
    return cellAt(this.#owner, this.#contents + sha256, CONTENT_CODEC);
  }
}
