import type { StateStore } from "../../src/index.js";

/** A store with the given `commit`, and of all other methods only those that read a slot. */
export function withCommit(store: StateStore, commit: StateStore["commit"]): StateStore {
  const find: StateStore["find"] = (...args) => store.find(...args);
  return { commit, find } as StateStore;
}
