import type { StateStore } from "../../src/index.js";

/** The store, with another way to commit; nothing else but reading a slot is there. */
export function withCommit(store: StateStore, commit: StateStore["commit"]): StateStore {
  const find: StateStore["find"] = (...args) => store.find(...args);
  return { commit, find } as StateStore;
}
