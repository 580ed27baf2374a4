import type { Driver, DriverStatus } from "../src/driver.js";
import { isStateError, type StateError } from "../src/errors.js";

/** What a look at a driver's storage found. */
export type Health =
  | { readonly reachable: true; readonly status: DriverStatus }
  | { readonly reachable: false; readonly error: StateError };

/** Opens, asks for the status and closes again. Rejects only for what is not the storage's fault. */
export async function healthOf(open: () => Promise<Driver>): Promise<Health> {
  try {
    const driver = await open();
    try {
      return { reachable: true, status: await driver.status() };
    } finally {
      await driver.close();
    }
  } catch (error) {
    if (!isStateError(error) || error.code === "INVALID_RECORD") throw error;
    return { reachable: false, error };
  }
}
