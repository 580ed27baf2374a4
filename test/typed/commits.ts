import type { StateStore } from "../../src/index.js";

/** A store with the given `commit`, and of everything else only its limits and what reads a slot. */
export function withCommit(store: StateStore, commit: StateStore["commit"]): StateStore {
  const find: StateStore["find"] = (...args) => store.find(...args);
  return { limits: store.limits, commit, find } as StateStore;
}
