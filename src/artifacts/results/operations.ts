import { isDeepStrictEqual } from "node:util";
import type { TakenContent } from "../../content/chunked-content.js";
import { CountedContent } from "../../content/counted-content.js";
import { isStateError, StateError } from "../../contract/errors.js";
import { LIMITS } from "../../contract/limits.js";
import type { SessionIdentity, StateStore } from "../../contract/store.js";
import type { InputReader } from "../../typed/input-reader.js";
import type { Operation } from "../../typed/operation.js";
import type { Clock } from "../../typed/time.js";
import type { Transaction } from "../../typed/transaction.js";
import type { ResultInput } from "./input.js";
import { previewOf } from "./preview.js";
import type { ResultReceipt } from "./result.js";
import {
  dueCell,
  RESULT_CONTENT,
  requireResult,
  resultCell,
  resultEventId,
  resultInfoOf,
  type StoredResult,
} from "./stored-result.js";

/** What a put writes beside its content. */
export type ResultFields = Omit<ResultInput, "source">;

/** What the mutating methods do once their input is read, and the content is. */
export class ResultOperations {
  /** What reads the input of `put`, which the caller does. */
  readonly inputs: InputReader;
  readonly #store: StateStore;
  readonly #now: Clock;

  constructor(store: StateStore, now: Clock, inputs: InputReader) {
    this.inputs = inputs;
    this.#store = store;
    this.#now = now;
  }

  content(owner: SessionIdentity): CountedContent {
    return new CountedContent(this.#store, owner, RESULT_CONTENT, this.#now);
  }

  isOver({ expiresAt }: StoredResult): boolean {
    return expiresAt !== undefined && expiresAt <= this.#now();
  }

  put(input: ResultFields, taken: TakenContent): Operation<ResultReceipt> {
    const { owner, id, isOwnId } = input;
    const cell = resultCell(owner, id);
    return {
      turn: cell,
      repeatable: isOwnId,
      findsItsIds: true,
      apply: async (transaction) => {
        const found = await transaction.get(cell);
        if (found !== undefined) return this.requireSame(requireResult(cell, found), input, taken);
        return this.#putNew(transaction, input, taken);
      },
    };
  }

  /** Removes a result, with its entry of the index. With `ifOver`, only one that has expired. */
  remove(owner: SessionIdentity, id: string, { ifOver }: { readonly ifOver: boolean }): Operation<boolean> {
    const cell = resultCell(owner, id);
    return {
      turn: cell,
      repeatable: true,
      apply: async (transaction) => {
        const found = await transaction.get(cell);
        if (found === undefined || (ifOver && !this.isOver(found))) return false;
        await this.content(owner).release(transaction, requireResult(cell, found).content);
        if (found.expiresAt !== undefined) transaction.delete(dueCell(owner, id, found.expiresAt));
        transaction.delete(cell);
        return ifOver || !this.isOver(found);
      },
    };
  }

  /** The receipt of a put that came again. IDEMPOTENCY_CONFLICT, NOT_FOUND if it has expired. */
  requireSame(
    earlier: StoredResult,
    { tool, contentType, metadata }: ResultFields,
    { sha256 }: { readonly sha256: string },
  ): ResultReceipt {
    if (this.isOver(earlier)) throw noSuchResult();
    const isSame =
      earlier.content.sha256 === sha256 &&
      earlier.tool === tool &&
      earlier.contentType === contentType &&
      isDeepStrictEqual(earlier.metadata, metadata);
    if (isSame) return { result: resultInfoOf(earlier), duplicate: true };
    throw new StateError("IDEMPOTENCY_CONFLICT", "another result was put under this id", {
      details: { change: 0 },
    });
  }

  async #putNew(transaction: Transaction, input: ResultFields, taken: TakenContent): Promise<ResultReceipt> {
    const { owner, id, tool, contentType, metadata, previewBytes, ttlMs } = input;
    const at = this.#now();
    const preview = previewOf(taken.start, previewBytes);
    const expiresAt = ttlMs === undefined ? undefined : Math.min(at + ttlMs, LIMITS.latest);
    const result: StoredResult = {
      id,
      content: await this.content(owner).hold(transaction, taken),
      preview,
      isWhole: Buffer.byteLength(preview) === taken.size,
      ...(tool !== undefined && { tool }),
      ...(contentType !== undefined && { contentType }),
      metadata,
      at,
      ...(expiresAt !== undefined && { expiresAt }),
    };
    const cell = resultCell(owner, id);
    await transaction.set(cell, result, resultEventId(owner, id));
    // The store knows the id of a result that is gone.
    transaction.explain(cell, (error) =>
      isStateError(error, "IDEMPOTENCY_CONFLICT") ? noSuchResult() : error,
    );
    if (expiresAt !== undefined) await transaction.set(dueCell(owner, id, expiresAt), id);
    return { result: resultInfoOf(result), duplicate: false };
  }
}

export function noSuchResult(): StateError<"NOT_FOUND"> {
  return new StateError("NOT_FOUND", "there is no such result, or it has expired", { details: {} });
}
