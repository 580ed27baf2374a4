import { isStateError } from "../contract/errors.js";

/** What a rejected batch means for its commits. */
export type Verdict =
  /** Nothing was written; no commit of the batch caused it. */
  | "unavailable"
  /** The same, and waiting commits would fail in the same way. */
  | "unreachable"
  /** Nothing was written; one commit of the batch may have caused it. */
  | "refused"
  /** It may have been written. */
  | "unknown"
  /** It may have been written, and a layer has already retried it. */
  | "unknown for good";

export function verdictOf(error: unknown): Verdict {
  if (!isStateError(error)) return "unknown";
  // A driver written in JavaScript may have thrown it without details.
  if (error.code === "OUTCOME_UNKNOWN")
    return error.details?.retries === undefined ? "unknown" : "unknown for good";
  if (error.code !== "UNAVAILABLE" || error.details?.reason === "refused") return "refused";
  return error.details?.reason === "unreachable" ? "unreachable" : "unavailable";
}
