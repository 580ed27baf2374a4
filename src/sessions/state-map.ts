import type { CallOptions, SaveReceipt, StateStore } from "../contract/store.js";
import type { Stored } from "../typed/cell.js";
import { findCell, type PutOptions, type UpdateOptions, type Updater } from "../typed/cell-operations.js";
import type { ItemsOptions } from "../typed/collection.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import { perform } from "../typed/operation.js";
import { readNamed, readOptions, readSignal } from "../validation/validate.js";
import type { StateValues } from "./state-values.js";

/** A value of a state map. */
export interface StateEntry extends Stored<JsonValue> {
  /** 1 to 498 UTF-8 bytes. */
  readonly key: string;
}

/** Which values `entries` returns. */
export interface StateEntriesOptions extends Pick<ItemsOptions, "limit" | "signal"> {
  /** Only keys that begin with this. */
  readonly prefix?: string;
  /** Only keys after this one. */
  readonly after?: string;
}

/**
 * JSON values under keys, in the order of the keys' UTF-8 bytes. A key is 1 to 498 UTF-8 bytes of any text.
 *
 * On the state of a session, every call may also reject with NOT_FOUND, and every write with SESSION_CLOSED.
 */
export class StateMap {
  readonly #store: StateStore;
  readonly #values: StateValues;

  /** @internal */
  constructor(store: StateStore, values: StateValues) {
    this.#store = store;
    this.#values = values;
  }

  /** The value, or `undefined` where there is none. */
  async get(key: string, options?: CallOptions): Promise<JsonValue | undefined> {
    return (await this.find(key, options))?.value;
  }

  /** The value with its event id, for `expect`. */
  async find(key: string, options?: CallOptions): Promise<StateEntry | undefined> {
    const found = await findCell(this.#store, this.#values.at(key), options);
    await this.#values.guard?.read(options?.signal);
    return found && { key, ...found };
  }

  /**
   * Writes the value. `eventId`, 1 to 105 UTF-8 bytes and unique in this map, makes it idempotent. `expect` takes the
   * event id of a receipt or of `find`, not the caller's own `eventId`. IDEMPOTENCY_CONFLICT, CONDITION_FAILED.
   */
  async set(key: string, value: JsonInput, options: PutOptions = {}): Promise<SaveReceipt> {
    const { signal: _, ...condition } = {
      ...readNamed(options, "options", ["signal", "eventId", "expect"]),
    } as PutOptions;
    const signal = readSignal(options);
    const setting = this.#values.set(key, value, condition);
    const { result, duplicate } = await perform(this.#store, setting, { signal });
    return { ...result, duplicate };
  }

  /**
   * Replaces the current value by the one that `update` returns, atomically. Returns the new value. `update` must not
   * change the same value and, on a session's state, must call no other method of the same session (INVALID_RECORD).
   * Other writers of the value, or of the session, in this process wait while it runs, so do slow work before the call.
   */
  async update(
    key: string,
    update: Updater<JsonValue, JsonInput>,
    options?: UpdateOptions,
  ): Promise<JsonValue> {
    const given = readOptions(options, ["signal", "attempts"]);
    return (await perform(this.#store, this.#values.update(key, update), given)).result;
  }

  /** Deletes the value. Returns whether there was one. */
  async delete(key: string, options?: CallOptions): Promise<boolean> {
    const given = readOptions(options, ["signal"]);
    return (await perform(this.#store, this.#values.delete(key), given)).result;
  }

  /** The entries by key, in one snapshot. One that does not decode is CORRUPT, never left out. */
  async entries(options?: StateEntriesOptions): Promise<StateEntry[]> {
    const given = readOptions(options, ["prefix", "after", "limit", "signal"]) as StateEntriesOptions;
    const items = await this.#values.collection.list(this.#values.owner, given);
    await this.#values.guard?.read(given.signal);
    return items.map(({ id, ...stored }) => ({ key: id, ...stored }));
  }
}
