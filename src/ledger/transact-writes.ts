import type { StateStore } from "../contract/store.js";
import { transact } from "../typed/transact.js";
import { WriteSet } from "./write-set.js";

/**
 * Work on the accounts that has a commit of its own, for what it lists has to be what is stored. What it read and
 * rewrites may happen twice without harm.
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
