import { isStateError } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import type { Transaction } from "./transaction.js";

/**
 * Throws the error if what the transaction read was true at one moment. Otherwise its commit will be refused, and the work
 * runs again: two reads of different moments look like damage.
 */
export async function throwUnlessStale(
  store: StateStore,
  transaction: Transaction,
  error: Error,
): Promise<void> {
  try {
    await store.commit(await transaction.checks());
  } catch (refusal) {
    if (isStateError(refusal, "CONDITION_FAILED")) return;
    throw refusal;
  }
  throw error;
}
