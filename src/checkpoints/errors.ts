import { StateError } from "../contract/errors.js";
import { alreadyExists } from "../typed/already-exists.js";
// The types of this module know the code only by this import.
import "../typed/already-exists.js";

export function noSuchCheckpoint(what = "checkpoint"): StateError<"NOT_FOUND"> {
  return new StateError("NOT_FOUND", `there is no such ${what}`, { details: {} });
}

export function otherCheckpoint(): StateError<"IDEMPOTENCY_CONFLICT"> {
  return new StateError("IDEMPOTENCY_CONFLICT", "another checkpoint was put under this id", {
    details: { change: 0 },
  });
}

/** IDEMPOTENCY_CONFLICT of a pending write, and not of its checkpoint. */
export class OtherWrite extends StateError<"IDEMPOTENCY_CONFLICT"> {
  constructor() {
    super("IDEMPOTENCY_CONFLICT", "the task has another write at this index", { details: { change: 0 } });
  }
}

export function lineageExists(): StateError<"ALREADY_EXISTS"> {
  return alreadyExists("lineage");
}
