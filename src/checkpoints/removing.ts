import { isStateError } from "../contract/errors.js";
import type { CallOptions, Change, SessionIdentity, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { removalsKind } from "./kinds.js";

/** A removal of checkpoints from a pool: the change that has to be in its commit, and the condition that it was the last one. */
export interface RemovalMark {
  readonly change: Change;
  readonly guard: Extract<Change, { readonly op: "check" }>;
}

/**
 * Marks a removal of checkpoints. Whoever removes unused values from the pool depends on the mark: while it is the last one,
 * no checkpoint that was seen is gone, and so none could have handed on a value unseen.
 */
export function markRemoval(owner: SessionIdentity, pool: string): RemovalMark {
  const eventId = newEventId();
  const slot = { identity: owner, kind: removalsKind(pool) };
  return {
    change: { op: "save", record: { ...slot, eventId, bytes: new Uint8Array() } },
    guard: { op: "check", ...slot, expect: eventId },
  };
}

/** One thing to remove, as changes that happen together. The first that has a condition says whether it is still as it was. */
export type Removal = readonly Change[];

/** How many of the removals were made. `outdated`: a guard no longer held, so the rest was left. */
export interface Removed {
  readonly removed: number;
  readonly outdated: boolean;
}

/** A commit has at most so many erases. */
const AT_ONCE = 200;

/** Removes what is still as it was seen, in commits that all depend on the guards. */
export async function removeUnchanged(
  store: StateStore,
  removals: readonly Removal[],
  guards: readonly Change[],
  { signal }: CallOptions,
): Promise<Removed> {
  let removed = 0;
  for (let from = 0; from < removals.length; from += AT_ONCE) {
    let batch = removals.slice(from, from + AT_ONCE);
    while (batch.length > 0) {
      signal?.throwIfAborted();
      const changes = [...guards, ...batch.flat()];
      try {
        await commitWithRetries(store, changes, { signal, repeatable: true });
        removed += batch.length;
        batch = [];
      } catch (error) {
        if (!isStateError(error, "CONDITION_FAILED")) throw error;
        const changed = changes[error.details.change] as Change;
        if (guards.includes(changed)) return { removed, outdated: true };
        // It has come into use, or is gone.
        batch = batch.filter((removal) => !removal.includes(changed));
      }
    }
  }
  return { removed, outdated: false };
}
