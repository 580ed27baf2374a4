import type { StateStore } from "../contract/store.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import { WriteSet } from "./write-set.js";

/**
 * Runs work on the accounts in a commit of its own. The work must be harmless if it takes effect twice.
 */
export function transactWrites<R>(
  store: StateStore,
  work: (writes: WriteSet) => Promise<R>,
  signal: AbortSignal | undefined,
): Promise<R> {
  return transact(store, (transaction) => writeIn(transaction, work), {
    attempts: 1000,
    signal,
    repeatable: true,
  });
}

/** Runs work on the accounts as part of a transaction. If it rejects, it has written nothing. */
export async function writeIn<R>(
  transaction: Transaction,
  work: (writes: WriteSet) => Promise<R>,
): Promise<R> {
  const writes = new WriteSet(transaction);
  const result = await work(writes);
  await writes.flush();
  return result;
}
