import type { SessionIdentity } from "../../contract/store.js";
import type { Operation } from "../../typed/operation.js";
import type { Unit } from "../../typed/together/unit.js";
import type { ErrorReceipt, NewRecordedError } from "./recorded-error.js";

/** Reads an error that is to be recorded. */
export type RecordOperation = (
  identity: SessionIdentity,
  error: NewRecordedError,
) => Promise<Operation<ErrorReceipt>>;

/**
 * The methods of recorded errors that fit into a commit, as part of a unit of `together`. They take, answer and refuse what the
 * methods of `RecordedErrors` of the same names do, without a signal.
 */
export class ErrorsInUnit {
  readonly #unit: Unit;
  readonly #record: RecordOperation;

  /** @internal */
  constructor(unit: Unit, record: RecordOperation) {
    this.#unit = unit;
    this.#record = record;
  }

  /** Like `RecordedErrors.record`. The reference holds once `together` has resolved. */
  async record(identity: SessionIdentity, error: NewRecordedError): Promise<ErrorReceipt> {
    return this.#unit.run(this.#record(identity, error));
  }
}
