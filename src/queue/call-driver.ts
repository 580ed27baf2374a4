import { isStateError, StateError } from "../contract/errors.js";

/** Calls the driver for something that writes nothing. An error that is no StateError becomes UNAVAILABLE. */
export async function callDriver<T>(call: () => Promise<T>, message: string): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asDriverError(error, message);
  }
}

/** What a read or a sweep that failed with this error fails with. */
export function asDriverError(error: unknown, message: string): unknown {
  return isStateError(error) ? error : driverError(message, error);
}

/** UNAVAILABLE, for a driver that broke the contract. */
export function driverError(message: string, cause?: unknown): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", message, { details: { reason: "refused" }, cause });
}
