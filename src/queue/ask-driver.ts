import { isStateError, StateError } from "../contract/errors.js";

/** What the driver answers; what it throws as a StateError. For calls that write nothing. */
export async function askDriver<T>(ask: () => Promise<T>, message: string): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw isStateError(error) ? error : failedDriver(message, error);
  }
}

/** UNAVAILABLE, for a driver that did what no driver may. */
export function failedDriver(message: string, cause?: unknown): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", message, { details: { reason: "refused" }, cause });
}
