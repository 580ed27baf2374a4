import type {
  CallOptions,
  DeleteOptions,
  Identity,
  ListOptions,
  RecordHeader,
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
import type { Codec } from "./codec.js";
import { itemKind, itemPrefix, readIdPrefix, readShapeName } from "./names.js";
import { readShapeCodec } from "./shape-codec.js";
import { mapInSlices } from "./slices.js";

/** A value of a collection. */
export interface Item<T> extends Stored<T> {
  /** The caller's own id of the value, unique in the collection of its identity. */
  readonly id: string;
}

/** An item without its value. */
export type ItemKey = Omit<Item<unknown>, "value">;

/** Which items `list` and `keys` return. The bounds need not exist, and all of them hold. */
export interface ItemsOptions extends Pick<ListOptions, "signal" | "limit" | "reverse"> {
  /** Only ids that begin with this. */
  readonly prefix?: string;
  /** Only this id and those after it. */
  readonly from?: string | undefined;
  /** Only ids after this one. */
  readonly after?: string | undefined;
  /** Only ids before this one. */
  readonly before?: string | undefined;
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
    this.#codec = readShapeCodec(options, this.#name);
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

  /**
   * Deletes all values of exactly this identity in one step, however many there are, without reading them. Returns how
   * many. Values that are put later stay.
   */
  async clear(identity: Identity, options?: CallOptions): Promise<number> {
    const { signal } = readOptions(options, ["signal"]) as CallOptions;
    // Nothing but this collection lies under the prefix, so this is safe in the state of a user or tenant too.
    return this.#store.erase(identity, { signal, prefix: itemPrefix(this.#name), ownState: true });
  }

  /** The items of exactly this identity, in one snapshot. One that does not decode is CORRUPT, never left out. */
  async list(identity: Identity, options?: ItemsOptions): Promise<Item<T>[]> {
    const { prefix, range } = this.#range(options);
    return mapInSlices(await this.#store.list(identity, prefix, range), (record) => this.#itemOf(record));
  }

  /** The same without the values, which are not read: an item whose value does not decode is among them. */
  async keys(identity: Identity, options?: ItemsOptions): Promise<ItemKey[]> {
    const { prefix, range } = this.#range(options);
    const headers = await this.#store.list(identity, prefix, { ...range, bytes: false });
    return headers.map((header) => this.#keyOf(header));
  }

  /** How many items of exactly this identity have ids that begin with the prefix, without reading them. */
  async count(identity: Identity, options?: Pick<ItemsOptions, "prefix" | "signal">): Promise<number> {
    const { signal, ...given } = readOptions(options, ["prefix", "signal"]) as ItemsOptions;
    const { prefix } = this.#range(given);
    return this.#store.count(identity, prefix, { signal });
  }

  /** The cell for a transaction. */
  at(identity: Identity, id: string): Cell<T, Input> {
    return cellAt(identity, itemKind(this.#name, id), this.#codec);
  }

  #range(options: ItemsOptions | undefined) {
    const { prefix, from, after, before, ...rest } = readOptions(options, LIST_OPTIONS) as ItemsOptions;
    const bounds = Object.entries({ from, after, before }).filter(([, id]) => id !== undefined);
    const kinds = bounds.map(([field, id]) => [field, itemKind(this.#name, id, field)]);
    return {
      prefix:
        itemPrefix(this.#name) + (options && "prefix" in options ? readIdPrefix(this.#name, prefix) : ""),
      range: { ...rest, ...(Object.fromEntries(kinds) as Pick<ListOptions, "from" | "after" | "before">) },
    };
  }

  #keyOf({ kind, eventId, updatedAt }: RecordHeader): ItemKey {
    return { id: kind.slice(itemPrefix(this.#name).length), eventId, updatedAt };
  }

  async #itemOf(record: StateRecord): Promise<Item<T>> {
    return { ...this.#keyOf(record), value: await decodeRecord(this.#codec, record) };
  }
}

const LIST_OPTIONS = ["signal", "prefix", "from", "after", "before", "limit", "reverse"];
