import type { JsonInput, JsonValue } from "../typed/json-value.js";
import type { Unit } from "../typed/together/unit.js";
import type { DeleteFact, FactReceipt, FactsOf, FactUpdater, Learned, Namespace, PutFact } from "./fact.js";
import type { FactOperations } from "./operations.js";

/**
 * The mutating methods of facts that fit into a commit, as part of a unit of `together`. They take, answer and refuse what the
 * methods of `Facts` of the same names do, without a signal.
 */
export class FactsInUnit {
  readonly #unit: Unit;
  readonly #operations: FactOperations;

  /** @internal */
  constructor(unit: Unit, operations: FactOperations) {
    this.#unit = unit;
    this.#operations = operations;
  }

  /** Like `Facts.put`. */
  async put(
    identity: FactsOf,
    namespace: Namespace,
    key: string,
    value: JsonInput,
    options?: PutFact,
  ): Promise<FactReceipt> {
    return this.#unit.run(this.#operations.put(identity, namespace, key, value, options));
  }

  /** Like `Facts.update`. */
  async update(
    identity: FactsOf,
    namespace: Namespace,
    key: string,
    update: FactUpdater,
    options?: Learned,
  ): Promise<JsonValue> {
    return this.#unit.run(this.#operations.update(identity, namespace, key, update, options));
  }

  /** Like `Facts.delete`. */
  async delete(identity: FactsOf, namespace: Namespace, key: string, options?: DeleteFact): Promise<boolean> {
    return this.#unit.run(this.#operations.delete(identity, namespace, key, options));
  }
}
