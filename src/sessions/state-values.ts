import type { EventId, Identity, SaveReceipt, StateStore } from "../contract/store.js";
import { type Cell, cellAt } from "../typed/cell.js";
import type { PutOptions, Updater } from "../typed/cell-operations.js";
import { json } from "../typed/codec.js";
import { Collection } from "../typed/collection.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import { digestOf, itemKind, readScopedId, scopedEventId } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import type { Transaction } from "../typed/transaction.js";
import { readExpect, readNamed } from "../validation/validate.js";

/** The session that a map belongs to. The checks throw where it does not exist or is closed. */
export interface Guard {
  /** The slot whose lock all writers in this process take. */
  readonly turn: Pick<Cell<unknown>, "identity" | "kind">;
  /** Called after a read. */
  read(signal: AbortSignal | undefined): Promise<void>;
  /** Called before a write, in the same transaction. */
  write(transaction: Transaction): Promise<void>;
}

/** The collection of a session's state. */
export const SESSION_STATE = "session.state";

const VALUE_CODEC = json();

/** The values of a state map, and what its mutating methods do. */
export class StateValues {
  readonly owner: Identity;
  readonly guard: Guard | undefined;
  readonly collection: Collection<JsonValue>;
  readonly #name: string;
  readonly #inputs: InputReader;

  constructor(store: StateStore, owner: Identity, name: string, inputs: InputReader, guard?: Guard) {
    this.owner = owner;
    this.#inputs = inputs;
    this.guard = guard;
    this.collection = new Collection(store, name);
    this.#name = name;
  }

  at(key: string): Cell<JsonValue> {
    return cellAt(this.owner, itemKind(this.#name, key, "key"), VALUE_CODEC);
  }

  set(key: string, value: JsonInput, options: Omit<PutOptions, "signal"> = {}): Operation<SaveReceipt> {
    readNamed(options, "options", ["eventId", "expect"]);
    const repeatable = "eventId" in options;
    const ownId = repeatable ? this.#scopedEventId(readScopedId(options.eventId, "eventId")) : undefined;
    const expect = readExpect(options);
    const cell = this.at(key);
    const copy = this.#inputs.json(value, "value");
    return {
      ...this.#operation(cell, async (transaction) => {
        return { eventId: await transaction.write(cell, copy, ownId, expect), duplicate: false };
      }),
      repeatable,
      recall: async (transaction) => {
        await this.guard?.write(transaction);
        const isKnown = ownId !== undefined && (await transaction.isKnown(cell, copy, ownId));
        return isKnown ? { eventId: ownId, duplicate: true } : undefined;
      },
    };
  }

  update(key: string, update: Updater<JsonValue, JsonInput>): Operation<JsonValue> {
    const cell = this.at(key);
    return this.#operation(cell, async (transaction) => {
      const value = this.#inputs.json(await update(await transaction.get(cell)), "value");
      await transaction.set(cell, value);
      return value;
    });
  }

  delete(key: string): Operation<boolean> {
    const cell = this.at(key);
    return this.#operation(cell, async (transaction) => {
      if ((await transaction.get(cell)) === undefined) return false;
      transaction.delete(cell);
      return true;
    });
  }

  #operation<R>(cell: Cell<JsonValue>, apply: (transaction: Transaction) => Promise<R>): Operation<R> {
    return {
      turn: this.guard?.turn ?? cell,
      repeatable: false,
      apply: async (transaction) => {
        await this.guard?.write(transaction);
        return apply(transaction);
      },
    };
  }

  #scopedEventId(id: string): EventId {
    const { user, session } = this.owner;
    return scopedEventId(digestOf(this.#name, user, session), id);
  }
}
