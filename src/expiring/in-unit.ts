import type { ListedOf } from "../lifecycle/options.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import type { Unit } from "../typed/together/unit.js";
import type { ExpiringOperations } from "./operations.js";
import type { DeleteExpiring, ExpiringReceipt, ExpiringUpdater, SetExpiring, TimeToLive } from "./value.js";

/**
 * The mutating methods of values that expire, as part of a unit of `together`. They take, answer and refuse what the methods of
 * `Expiring` of the same names do, without a signal.
 */
export class ExpiringInUnit {
  readonly #unit: Unit;
  readonly #operations: ExpiringOperations;

  /** @internal */
  constructor(unit: Unit, operations: ExpiringOperations) {
    this.#unit = unit;
    this.#operations = operations;
  }

  /** Like `Expiring.set`. */
  async set(
    identity: ListedOf,
    group: string,
    key: string,
    value: JsonInput,
    options: SetExpiring,
  ): Promise<ExpiringReceipt> {
    return this.#unit.run(this.#operations.set(identity, group, key, value, options));
  }

  /** Like `Expiring.touch`. */
  async touch(
    identity: ListedOf,
    group: string,
    key: string,
    options: TimeToLive,
  ): Promise<Date | undefined> {
    return this.#unit.run(this.#operations.touch(identity, group, key, options));
  }

  /** Like `Expiring.update`. */
  async update(
    identity: ListedOf,
    group: string,
    key: string,
    update: ExpiringUpdater,
    options: TimeToLive,
  ): Promise<JsonValue> {
    return this.#unit.run(this.#operations.update(identity, group, key, update, options));
  }

  /** Like `Expiring.delete`. */
  async delete(identity: ListedOf, group: string, key: string, options?: DeleteExpiring): Promise<boolean> {
    return this.#unit.run(this.#operations.delete(identity, group, key, options));
  }
}
