import type { CallOptions, EventId, Identity, SaveReceipt, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { type Cell, cellAt, type Stored } from "../typed/cell.js";
import { findCell, type PutOptions, type UpdateOptions, type Updater } from "../typed/cell-operations.js";
import { json } from "../typed/codec.js";
import { Collection, type ItemsOptions } from "../typed/collection.js";
import { copyJson } from "../typed/json-copy.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import { digestOf, itemKind, readScopedId, scopedEventId } from "../typed/names.js";
import { transact, transacted } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import { readExpect, readNamed, readOptions, readSignal } from "../validation/validate.js";

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

/** The session that a map belongs to. The checks throw where it does not exist or is closed. */
export interface Guard {
  /** The slot whose lock all writers in this process take. */
  readonly turn: Pick<Cell<unknown>, "identity" | "kind">;
  /** Called after a read. */
  read(signal: AbortSignal | undefined): Promise<void>;
  /** Called before a write, in the same transaction. */
  write(transaction: Transaction): Promise<void>;
}

const VALUE_CODEC = json();

/**
 * JSON values under keys, in the order of the keys' UTF-8 bytes. A key is 1 to 498 UTF-8 bytes of any text.
 *
 * On the state of a session, every call may also reject with NOT_FOUND, and every write with SESSION_CLOSED.
 */
export class StateMap {
  readonly #store: StateStore;
  readonly #owner: Identity;
  readonly #name: string;
  readonly #guard: Guard | undefined;

  /** @internal */
  constructor(store: StateStore, owner: Identity, name: string, guard?: Guard) {
    this.#store = store;
    this.#owner = owner;
    this.#name = name;
    this.#guard = guard;
  }

  /** The value, or `undefined` where there is none. */
  async get(key: string, options?: CallOptions): Promise<JsonValue | undefined> {
    return (await this.find(key, options))?.value;
  }

  /** The value with its event id, for `expect`. */
  async find(key: string, options?: CallOptions): Promise<StateEntry | undefined> {
    const found = await findCell(this.#store, this.#cell(key), options);
    await this.#guard?.read(options?.signal);
    return found && { key, ...found };
  }

  /**
   * Writes the value. `eventId`, 1 to 105 UTF-8 bytes and unique in this map, makes it idempotent. `expect` takes the
   * event id of a receipt or of `find`, not the caller's own `eventId`. IDEMPOTENCY_CONFLICT, CONDITION_FAILED.
   */
  async set(key: string, value: JsonInput, options: PutOptions = {}): Promise<SaveReceipt> {
    const signal = readSignal(readNamed(options, "options", ["signal", "eventId", "expect"]));
    const repeatable = "eventId" in options;
    const eventId = repeatable ? this.#scopedEventId(readScopedId(options.eventId, "eventId")) : newEventId();
    const expect = readExpect(options);
    const cell = this.#cell(key);
    const copy = copyJson(value, "value");
    const { duplicate } = await transacted(
      this.#store,
      async (transaction) => {
        await this.#guard?.write(transaction);
        await transaction.set(cell, copy, eventId, expect);
      },
      { signal, repeatable, turn: this.#guard?.turn ?? cell },
    );
    return { eventId, duplicate };
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
    const cell = this.#cell(key);
    return transact(
      this.#store,
      async (transaction) => {
        await this.#guard?.write(transaction);
        const value = copyJson(await update(await transaction.get(cell)), "value");
        await transaction.set(cell, value);
        return value;
      },
      { ...given, turn: this.#guard?.turn ?? cell },
    );
  }

  /** Deletes the value. Returns whether there was one. */
  async delete(key: string, options?: CallOptions): Promise<boolean> {
    const given = readOptions(options, ["signal"]);
    const cell = this.#cell(key);
    return transact(
      this.#store,
      async (transaction) => {
        await this.#guard?.write(transaction);
        if ((await transaction.get(cell)) === undefined) return false;
        transaction.delete(cell);
        return true;
      },
      { ...given, turn: this.#guard?.turn ?? cell },
    );
  }

  /** The entries by key, in one snapshot. One that does not decode is CORRUPT, never left out. */
  async entries(options?: StateEntriesOptions): Promise<StateEntry[]> {
    const given = readOptions(options, ["prefix", "after", "limit", "signal"]) as StateEntriesOptions;
    const values = new Collection<JsonValue>(this.#store, this.#name);
    const items = await values.list(this.#owner, given);
    await this.#guard?.read(given.signal);
    return items.map(({ id, ...stored }) => ({ key: id, ...stored }));
  }

  #scopedEventId(id: string): EventId {
    const { user, session } = this.#owner;
    return scopedEventId(digestOf(this.#name, user, session), id);
  }

  #cell(key: string): Cell<JsonValue> {
    return cellAt(this.#owner, itemKind(this.#name, key, "key"), VALUE_CODEC);
  }
}
