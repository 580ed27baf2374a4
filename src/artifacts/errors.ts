import { StateError } from "../contract/errors.js";
import type { SessionIdentity } from "../contract/store.js";
import { headCell } from "./stored-artifact.js";

export function noSuchArtifact(): StateError<"NOT_FOUND"> {
  return new StateError("NOT_FOUND", "there is no such artifact, or no such version of it", { details: {} });
}

export function otherArtifact(): StateError<"IDEMPOTENCY_CONFLICT"> {
  return new StateError("IDEMPOTENCY_CONFLICT", "another artifact was put under this id", {
    details: { change: 0 },
  });
}

/** CONDITION_FAILED of `expect`: `last` is the number that there is. */
export function anotherVersion(
  owner: SessionIdentity,
  name: string,
  last: number,
): StateError<"CONDITION_FAILED"> {
  const { identity, kind } = headCell(owner, name);
  return new StateError("CONDITION_FAILED", `the last version of the artifact is another one: ${last}`, {
    details: { change: 0, identity, kind, current: null, last },
  });
}
