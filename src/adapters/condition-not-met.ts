import { StateError } from "../contract/errors.js";
import type { RecordKey } from "../contract/store.js";

/** CONDITION_FAILED: what is stored is not as the call needs it to be. */
export function conditionNotMet(
  { identity, kind }: RecordKey,
  message: string,
): StateError<"CONDITION_FAILED"> {
  return new StateError("CONDITION_FAILED", message, {
    details: { change: 0, identity, kind, current: null },
  });
}
