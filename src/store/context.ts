import { StateError } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import { processState } from "../process/process-state.js";

/**
 * Runs `fn` with `store` as the current store of everything it calls, also across `await`.
 *
 * @example
 * ```ts
 * import { requireStore, withStore } from "groundstate";
 *
 * const countNotes = async () => (await requireStore().list(identity, "note/")).length;
 * console.log(await withStore(store, countNotes));
 * ```
 */
export function withStore<T>(store: StateStore, fn: () => T): T {
  return processState.context.run(store, fn);
}

/** The store of the innermost `withStore`, if there is one. */
export function currentStore(): StateStore | undefined {
  return processState.context.getStore();
}

/** The store of the innermost `withStore`. STORE_CLOSED when there is none. */
export function requireStore(): StateStore {
  const store = currentStore();
  if (store !== undefined) return store;
  throw new StateError("STORE_CLOSED", "no store is open here: call this inside withStore(store, fn)", {
    details: {},
  });
}
