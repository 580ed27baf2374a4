import type { StateStore } from "../contract/store.js";
import type { Cell } from "./cell.js";
import { whileIdsConflict } from "./compare-and-swap.js";
import { type Transacted, type TransactOptions, transacted } from "./transact.js";
import type { Transaction } from "./transaction.js";

/** What a mutating method of a wrapper does once its input is read: alone in a commit, or with others in a unit. */
export interface Operation<R> {
  /** The slot whose lock writers of this process take. */
  readonly turn: Pick<Cell<unknown>, "identity" | "kind">;
  /** The caller brought an id, or the operation changes nothing when it comes again. */
  readonly repeatable: boolean;
  /** Reads and writes through the transaction alone. It runs again when another writer was faster. */
  apply(transaction: Transaction): Promise<R>;
  /**
   * In a unit, before `apply`: what an earlier call with the same ids answered. Alone, the store recognises these ids, so
   * nothing has to be read. Absent where `apply` itself finds out.
   */
  recall?(transaction: Transaction): Promise<R | undefined>;
  /** `apply` finds out itself, by reading: after a conflict of ids it runs again. Default false. */
  readonly findsItsIds?: boolean;
  /** Removes what was stored for it beforehand, unless it is in use: where it did not take effect. Absent where nothing was. */
  clear?(): Promise<void>;
}

/** Carries out an operation in a commit of its own, with the errors of `transact`. */
export function perform<R>(
  store: StateStore,
  operation: Operation<R>,
  options: Pick<TransactOptions, "signal" | "attempts"> = {},
): Promise<Transacted<R>> {
  const { turn, repeatable, findsItsIds } = operation;
  return transacted(
    store,
    (transaction) => operation.apply(transaction),
    { ...options, turn, repeatable },
    findsItsIds ? whileIdsConflict() : undefined,
  );
}
