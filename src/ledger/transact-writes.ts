import type { StateStore } from "../contract/store.js";
import { transact } from "../typed/transact.js";
import { WriteSet } from "./write-set.js";

/**
 * Runs work on the accounts in a commit of its own. The work must be harmless if it takes effect twice.
 */
export function transactWrites<R>(
  store: StateStore,
  work: (writes: WriteSet) => Promise<R>,
  signal: AbortSignal | undefined,
): Promise<R> {
  return transact(
    store,
    async (transaction) => {
      const writes = new WriteSet(transaction);
      const result = await work(writes);
      await writes.flush();
      return result;
    },
    { attempts: 1000, signal, repeatable: true },
  );
}
