import { isStateError, StateError } from "../contract/errors.js";

/** What the driver answers; what it throws as a StateError. For calls that write nothing. */
export async function callDriver<T>(call: () => Promise<T>, message: string): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw isStateError(error) ? error : driverError(message, error);
  }
}

/** UNAVAILABLE, for a driver that did what no driver may. */
export function driverError(message: string, cause?: unknown): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", message, { details: { reason: "refused" }, cause });
}
