import type { StateStore } from "../contract/store.js";
import { transact } from "../typed/transact.js";
import { Book } from "./write-set.js";

/**
 * Work on the accounts that has a commit of its own, for what it lists has to be what is stored. What it read and
 * rewrites may happen twice without harm.
 */
export function rewriting<R>(
  store: StateStore,
  work: (book: Book) => Promise<R>,
  signal: AbortSignal | undefined,
): Promise<R> {
  return transact(
    store,
    async (transaction) => {
      const book = new Book(transaction);
      const result = await work(book);
      await book.close();
      return result;
    },
    { attempts: 1000, signal, repeatable: true },
  );
}
