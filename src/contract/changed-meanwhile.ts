import { StateError } from "./errors.js";

/** UNAVAILABLE (`busy`): what the call has read a moment before is no longer so, and it has written nothing. */
export function changedMeanwhile(): StateError<"UNAVAILABLE"> {
  return new StateError(
    "UNAVAILABLE",
    "another call changed meanwhile what this one needs; nothing was written: try again",
    { details: { reason: "busy" } },
  );
}
