import { isStateError } from "../contract/errors.js";

/** Whether nothing was written, and the cause passes by itself. */
export function isTransient(error: unknown): boolean {
  return isStateError(error, "UNAVAILABLE") && /^(busy|unreachable)$/.test(error.details?.reason);
}
