import { CountedContent } from "../content/counted-content.js";
import type { StateStore } from "../contract/store.js";
import type { Unit } from "../typed/together/unit.js";
import type { ArtifactOwner, ArtifactReceipt, NewArtifact } from "./artifact.js";
import { readPut, requireSmall } from "./input.js";
import type { ArtifactOperations } from "./operations.js";

/**
 * The methods of artifacts that fit into a commit, as part of a unit of `together`. They take, answer and refuse what the
 * methods of `Artifacts` of the same names do, without a signal.
 */
export class ArtifactsInUnit {
  readonly #unit: Unit;
  readonly #store: StateStore;
  readonly #operations: ArtifactOperations;

  /** @internal */
  constructor(unit: Unit, store: StateStore, operations: ArtifactOperations) {
    this.#unit = unit;
    this.#store = store;
    this.#operations = operations;
  }

  /** Like `Artifacts.put`, of bytes or a text of up to 256 KiB. More, or a stream, is INVALID_RECORD of `content`. */
  async put(identity: ArtifactOwner, artifact: NewArtifact): Promise<ArtifactReceipt> {
    const smallBytes = CountedContent.smallBytes(this.#store);
    const { source, ...fields } = readPut(identity, artifact, smallBytes, this.#operations.inputs);
    const taken = this.#operations.content(fields.owner).takeSmall(requireSmall(source, smallBytes));
    return this.#unit.run(this.#operations.put(fields, taken));
  }
}
