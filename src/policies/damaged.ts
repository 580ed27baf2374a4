import { isStateError } from "../contract/errors.js";

/** What was read, or `damaged` where it cannot be: it is CORRUPT, or of a version that this code does not know. */
export async function unlessDamaged<R>(read: () => Promise<R>): Promise<R | "damaged"> {
  try {
    return await read();
  } catch (error) {
    if (isStateError(error, "CORRUPT") || isStateError(error, "SCHEMA_TOO_NEW")) return "damaged";
    throw error;
  }
}
