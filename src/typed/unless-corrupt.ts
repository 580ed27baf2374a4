import { isStateError } from "../contract/errors.js";

/** Stands for what is stored and cannot be read. */
export const DAMAGED = "damaged";

/** What was read, or `DAMAGED` where that is CORRUPT. */
export async function unlessCorrupt<R>(read: () => Promise<R>): Promise<R | typeof DAMAGED> {
  try {
    return await read();
  } catch (error) {
    if (isStateError(error, "CORRUPT")) return DAMAGED;
    throw error;
  }
}
