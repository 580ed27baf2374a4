import type {
  CallOptions,
  DeleteOptions,
  Identity,
  ListOptions,
  SaveReceipt,
  StateRecord,
  StateStore,
} from "../contract/store.js";
import { readOptions } from "../validation/validate.js";
import { type Cell, cellAt, decodeRecord, readStore, type Stored } from "./cell.js";
import {
  findCell,
  type PutOptions,
  putCell,
  type ShapeOptions,
  type UpdateOptions,
  type Updater,
  updateCell,
} from "./cell-operations.js";
import { type Codec, readCodec } from "./codec.js";
import { itemKind, itemPrefix, readIdPrefix, readShapeName } from "./names.js";
import { mapInSlices } from "./slices.js";

/** A value of a collection. */
export interface Item<T> extends Stored<T> {
  /** The caller's own id of the value, unique in the collection of its identity. */
  readonly id: string;
}

/** Which values `list` returns. */
export interface ItemsOptions extends Omit<ListOptions, "after" | "before"> {
  /** Only ids that begin with this. */
  readonly prefix?: string;
  /** Only ids after this one. */
  readonly after?: string;
  /** Only ids before this one. */
  readonly before?: string;
}

/**
 * Many values per identity, each under an id, in the order of the ids' UTF-8 bytes.
 *
 * @example
 * ```ts
 * import { Collection } from "groundstate/typed";
 *
 * const facts = new Collection<string>(store, "fact");
 * await facts.put(identity, "city", "lives in Oslo");
 * for (const { id, value } of await facts.list(identity)) console.log(id, value);
 * ```
 */
export class Collection<T, Input = T> {
  readonly #store: StateStore;
  readonly #name: string;
  readonly #codec: Codec<T, Input>;

  /** `name` is 1 to 128 UTF-8 bytes without a slash; an id may hold anything that a kind may. */
  constructor(store: StateStore, name: string, options: ShapeOptions<T, Input> = {}) {
    this.#store = readStore(store);
    this.#name = readShapeName(name);
    this.#codec = readCodec(options);
  }

  /** The value, or `undefined` where nothing is stored. CORRUPT. */
  async get(identity: Identity, id: string, options?: CallOptions): Promise<T | undefined> {
    return (await this.find(identity, id, options))?.value;
  }

  /** The value with its event id, or `undefined`. CORRUPT. */
  async find(identity: Identity, id: string, options?: CallOptions): Promise<Item<T> | undefined> {
    const found = await findCell(this.#store, this.at(identity, id), options);
    return found && { id, ...found };
  }

  /** Writes the value. INVALID_RECORD, IDEMPOTENCY_CONFLICT, CONDITION_FAILED. */
  async put(identity: Identity, id: string, value: Input, options?: PutOptions): Promise<SaveReceipt> {
    return putCell(this.#store, this.at(identity, id), value, options);
  }

  /** Replaces the current value by the one that `update` returns, atomically. Returns the new value. */
  async update(
    identity: Identity,
    id: string,
    update: Updater<T, Input>,
    options?: UpdateOptions,
  ): Promise<T> {
    return updateCell(this.#store, this.at(identity, id), update, options);
  }

  /** Deletes the value. Returns whether there was one. CONDITION_FAILED. */
  async delete(identity: Identity, id: string, options?: DeleteOptions): Promise<boolean> {
    return this.#store.delete(identity, itemKind(this.#name, id), options);
  }

  /** The items of exactly this identity, in one snapshot. One that does not decode is CORRUPT, never left out. */
  async list(identity: Identity, options?: ItemsOptions): Promise<Item<T>[]> {
    const { prefix, after, before, ...range } = readOptions(options, LIST_OPTIONS) as ItemsOptions;
    const records = await this.#store.list(
      identity,
      itemPrefix(this.#name) + (options && "prefix" in options ? readIdPrefix(this.#name, prefix) : ""),
      {
        ...range,
        ...(options && "after" in options ? { after: itemKind(this.#name, after, "after") } : {}),
        ...(options && "before" in options ? { before: itemKind(this.#name, before, "before") } : {}),
      },
    );
    return mapInSlices(records, (record) => this.#itemOf(record));
  }

  /** The cell for a transaction. */
  at(identity: Identity, id: string): Cell<T, Input> {
    return cellAt(identity, itemKind(this.#name, id), this.#codec);
  }

  async #itemOf(record: StateRecord): Promise<Item<T>> {
    const { kind, eventId, updatedAt } = record;
    const id = kind.slice(itemPrefix(this.#name).length);
    return { id, value: await decodeRecord(this.#codec, record), eventId, updatedAt };
  }
}

const LIST_OPTIONS = ["signal", "prefix", "after", "before", "limit", "reverse"];
