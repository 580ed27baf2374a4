import type { StateStore } from "../../contract/store.js";
import type { Operation } from "../operation.js";
import type { Transaction } from "../transaction.js";
import type { CombinedWork } from "./combined-work.js";
import { Combiner } from "./combiner.js";

/** An operation whose commit may be shared with others of the same turn. */
export interface CombinableOperation<R> extends Operation<R>, Omit<CombinedWork<Transaction, R>, "recall"> {}

/** All wrappers on one store share its combiner: a program may make a wrapper for each request. */
const combiners = new WeakMap<StateStore, Combiner<Transaction>>();

/** Like `perform`, but in a commit with other such calls of this process that wait for the same turn. */
export function performCombined<R>(
  store: StateStore,
  operation: CombinableOperation<R>,
  signal: AbortSignal | undefined,
): Promise<R> {
  const combiner = combiners.get(store) ?? new Combiner(store, (transaction) => transaction);
  combiners.set(store, combiner);
  return combiner.run(operation.turn, operation, signal);
}
