import { isStateError } from "../contract/errors.js";

/** What a rejected batch means for its members. */
export type Verdict =
  /** Nothing was written, and none of its members is to blame. */
  | "unavailable"
  /** The same, and whoever waits would only meet it again. */
  | "unreachable"
  /** Nothing was written, and one of its members may be to blame. */
  | "refused"
  /** It may have been written. */
  | "unknown"
  /** It may have been written, and a layer has asked often enough. */
  | "unknown for good";

export function verdictOf(error: unknown): Verdict {
  if (!isStateError(error)) return "unknown";
  // Thrown in JavaScript, an error may have come without its details.
  if (error.code === "OUTCOME_UNKNOWN")
    return error.details?.retries === undefined ? "unknown" : "unknown for good";
  if (error.code !== "UNAVAILABLE" || error.details?.reason === "refused") return "refused";
  return error.details?.reason === "unreachable" ? "unreachable" : "unavailable";
}
