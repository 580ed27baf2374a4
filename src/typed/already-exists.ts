import { StateError } from "../contract/errors.js";

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /** A session, or a lineage of checkpoints, of this name exists, and another call created it; or a memory of this content. */
    ALREADY_EXISTS: Record<never, never>;
  }
}

export function alreadyExists(what: string): StateError<"ALREADY_EXISTS"> {
  return new StateError("ALREADY_EXISTS", `the ${what} exists already`, { details: {} });
}
