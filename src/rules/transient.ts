import { isStateError } from "../contract/errors.js";

/** Nothing was written, and the reason passes by itself. */
export function isTransient(error: unknown): boolean {
  return isStateError(error, "UNAVAILABLE") && /^(busy|unreachable)$/.test(error.details?.reason);
}
