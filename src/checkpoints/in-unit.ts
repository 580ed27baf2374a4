import type { SessionIdentity } from "../contract/store.js";
import type { Unit } from "../typed/together/unit.js";
import type { NewCheckpoint } from "./new-checkpoint.js";
import type { PutResult, Puts } from "./putting.js";
import { type NewWrites, readNewAll, readNewPut, readNewWrites } from "./reading-input.js";
import type { TaskWrites } from "./writes.js";

/**
 * The puts that fit into a commit, as part of a unit of `together`. They take, answer and refuse what the methods of
 * `Checkpoints` of the same names do, without a signal. One that is too large for a commit is INVALID_RECORD of `values`: put
 * it alone.
 */
export class CheckpointsInUnit<V, Input> {
  readonly #unit: Unit;
  readonly #puts: Puts<V, Input>;

  /** @internal */
  constructor(unit: Unit, puts: Puts<V, Input>) {
    this.#unit = unit;
    this.#puts = puts;
  }

  /** Like `Checkpoints.put`. The parent may be put in the same unit. */
  async put(identity: SessionIdentity, checkpoint: NewCheckpoint<Input>): Promise<PutResult> {
    const { place, input } = readNewPut(identity, checkpoint, this.#puts.inputs);
    return this.#unit.run(this.#puts.putting(place, input));
  }

  /** Like `Checkpoints.putWrites`. */
  async putWrites(identity: SessionIdentity, writes: NewWrites<Input>): Promise<PutResult> {
    const { place, input } = readNewWrites(identity, writes);
    return this.#unit.run(this.#puts.putting(place, input));
  }

  /** Like `Checkpoints.putAll`. */
  async putAll(
    identity: SessionIdentity,
    checkpoint: NewCheckpoint<Input> & { readonly id: string },
    tasks: readonly TaskWrites<Input>[],
  ): Promise<PutResult> {
    const { place, input } = readNewAll(identity, checkpoint, tasks, this.#puts.inputs);
    return this.#unit.run(this.#puts.putting(place, input));
  }
}
