import type { StateStore } from "../contract/store.js";
import type { StoredApproval } from "./stored-approval.js";

/** Called with the key of the approval's cell. */
type Listener = (key: string, approval: StoredApproval) => void;

const listeners = new WeakMap<StateStore, Set<Listener>>();

/** Notifies the waiters of this process that an approval changed. */
export function announce(store: StateStore, key: string, approval: StoredApproval): void {
  for (const listener of listeners.get(store) ?? []) listener(key, approval);
}

/** Adds a listener. Returns the function that removes it. */
export function listen(store: StateStore, listener: Listener): () => void {
  const all = listeners.get(store) ?? new Set();
  listeners.set(store, all.add(listener));
  return () => {
    all.delete(listener);
  };
}
