import type { Unit } from "../typed/together/unit.js";
import type { AddMemory, MemoriesOf, MemoryChanges, MemoryCondition, MemoryReceipt } from "./memory.js";
import { type MemoryOperations, readAdding, readUpdating } from "./operations.js";

/**
 * The mutating methods of memories that fit into a commit, as part of a unit of `together`. They take, answer and refuse what the
 * methods of `Memories` of the same names do, without a signal. A unit calls no `embed`: `embedMissing` does so afterwards.
 */
export class MemoriesInUnit {
  readonly #unit: Unit;
  readonly #operations: MemoryOperations;

  /** @internal */
  constructor(unit: Unit, operations: MemoryOperations) {
    this.#unit = unit;
    this.#operations = operations;
  }

  /** Like `Memories.add`. */
  async add(identity: MemoriesOf, content: string, options?: AddMemory): Promise<MemoryReceipt> {
    return this.#unit.run(
      this.#operations.add(readAdding(identity, content, options, this.#operations.inputs)),
    );
  }

  /** Like `Memories.update`. */
  async update(
    identity: MemoriesOf,
    id: string,
    changes: MemoryChanges,
    options?: MemoryCondition,
  ): Promise<MemoryReceipt> {
    return this.#unit.run(
      this.#operations.update(readUpdating(identity, id, changes, options, this.#operations.inputs)),
    );
  }

  /** Like `Memories.delete`. */
  async delete(identity: MemoriesOf, id: string, options?: MemoryCondition): Promise<boolean> {
    return this.#unit.run(this.#operations.delete(identity, id, options));
  }
}
