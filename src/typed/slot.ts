import type { CallOptions, DeleteOptions, Identity, SaveReceipt, StateStore } from "../contract/store.js";
import { type Cell, cellAt, readStore, type Stored } from "./cell.js";
import {
  findCell,
  type PutOptions,
  putCell,
  type ShapeOptions,
  type UpdateOptions,
  type Updater,
  updateCell,
} from "./cell-operations.js";
import type { Codec } from "./codec.js";
import { readShapeName } from "./names.js";
import { readShapeCodec } from "./shape-codec.js";

/**
 * One value per identity.
 *
 * @example
 * ```ts
 * import { TypedSlot } from "groundstate/typed";
 *
 * const counter = new TypedSlot<number>(store, "counter");
 * const now = await counter.update(identity, (count = 0) => count + 1);
 * console.log(now);
 * ```
 */
export class TypedSlot<T, Input = T> {
  readonly #store: StateStore;
  readonly #kind: string;
  readonly #codec: Codec<T, Input>;

  /** `kind` is 1 to 128 UTF-8 bytes without a slash. */
  constructor(store: StateStore, kind: string, options: ShapeOptions<T, Input> = {}) {
    this.#store = readStore(store);
    this.#kind = readShapeName(kind, "kind");
    this.#codec = readShapeCodec(options, this.#kind);
  }

  /** The value, or `undefined` where nothing is stored. CORRUPT. */
  async get(identity: Identity, options?: CallOptions): Promise<T | undefined> {
    return (await this.find(identity, options))?.value;
  }

  /** The value with its event id, or `undefined`. CORRUPT. */
  async find(identity: Identity, options?: CallOptions): Promise<Stored<T> | undefined> {
    return findCell(this.#store, this.at(identity), options);
  }

  /** Writes the value. INVALID_RECORD, IDEMPOTENCY_CONFLICT, CONDITION_FAILED. */
  async set(identity: Identity, value: Input, options?: PutOptions): Promise<SaveReceipt> {
    return putCell(this.#store, this.at(identity), value, options);
  }

  /** Replaces the current value by the one that `update` returns, atomically. Returns the new value. */
  async update(identity: Identity, update: Updater<T, Input>, options?: UpdateOptions): Promise<T> {
    return updateCell(this.#store, this.at(identity), update, options);
  }

  /** Deletes the value. Returns whether there was one. CONDITION_FAILED. */
  async delete(identity: Identity, options?: DeleteOptions): Promise<boolean> {
    return this.#store.delete(identity, this.#kind, options);
  }

  /** The cell for a transaction. */
  at(identity: Identity): Cell<T, Input> {
    return cellAt(identity, this.#kind, this.#codec);
  }
}
