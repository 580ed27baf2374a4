import { StateError } from "../contract/errors.js";
import type { Expect, RecordKey } from "../contract/store.js";

/** CONDITION_FAILED of a call that expects another event in a slot than the one that its attempt has read. */
export function conditionFailed(
  { identity, kind }: RecordKey,
  current: Expect,
): StateError<"CONDITION_FAILED"> {
  return new StateError("CONDITION_FAILED", "the value is not the one that the call expects", {
    details: { change: 0, identity, kind, current },
  });
}
