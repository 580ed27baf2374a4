import type { Identity, StateStore } from "../contract/store.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { ALL } from "./stored-memory.js";

/** Removes all memories of one user or tenant, and all that belongs to them, in one commit. Returns how many memories. */
export async function clearAll(
  store: StateStore,
  owner: Identity,
  signal: AbortSignal | undefined,
): Promise<number> {
  const erases = ALL.map((prefix) => ({ op: "erase", identity: owner, prefix, ownState: true }) as const);
  const { erased } = await commitWithRetries(store, erases, { signal, repeatable: true });
  return erased?.[0] ?? 0;
}
