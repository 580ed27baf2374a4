import { CountedContent } from "../../content/counted-content.js";
import type { SessionIdentity, StateStore } from "../../contract/store.js";
import type { Unit } from "../../typed/together/unit.js";
import { requireSmall } from "../input.js";
import { readNewResult } from "./input.js";
import type { ResultOperations } from "./operations.js";
import type { NewResult, ResultReceipt } from "./result.js";

/**
 * The methods of results that fit into a commit, as part of a unit of `together`. They take, answer and refuse what the methods
 * of `Results` of the same names do, without a signal.
 */
export class ResultsInUnit {
  readonly #unit: Unit;
  readonly #store: StateStore;
  readonly #operations: ResultOperations;

  /** @internal */
  constructor(unit: Unit, store: StateStore, operations: ResultOperations) {
    this.#unit = unit;
    this.#store = store;
    this.#operations = operations;
  }

  /** Like `Results.put`, of bytes or a text of up to 256 KiB. More, or a stream, is INVALID_RECORD of `content`. */
  async put(identity: SessionIdentity, result: NewResult): Promise<ResultReceipt> {
    const smallBytes = CountedContent.smallBytes(this.#store);
    const { source, ...fields } = readNewResult(identity, result, smallBytes, this.#operations.inputs);
    const taken = this.#operations.content(fields.owner).takeSmall(requireSmall(source, smallBytes));
    return this.#unit.run(this.#operations.put(fields, taken));
  }
}
