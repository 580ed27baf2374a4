import { isStateError } from "../contract/errors.js";
import type { CallOptions, Change, StateStore } from "../contract/store.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";

/** One thing to remove, as changes that happen together. The first that has a condition says whether it is still as it was. */
export type Removal = readonly Change[];

/** How many of the removals were made. `outdated`: a guard no longer held, so the rest was left. */
export interface Removed {
  readonly removed: number;
  readonly outdated: boolean;
}

/** In one commit. An erase may put up a fence, so there are fewer of them. */
const MAX_ERASES = 200;
const MAX_CHANGES = 1_000;

/** Removes what is still as it was seen, in commits that all depend on the guards. */
export async function removeUnchanged(
  store: StateStore,
  removals: readonly Removal[],
  guards: readonly Change[],
  { signal }: CallOptions,
): Promise<Removed> {
  let removed = 0;
  for (let batch of inCommits(removals))
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
  return { removed, outdated: false };
}

function* inCommits(removals: readonly Removal[]): Generator<Removal[]> {
  let batch: Removal[] = [];
  let [erases, changes] = [0, 0];
  for (const removal of removals) {
    if (erases >= MAX_ERASES || changes >= MAX_CHANGES) {
      yield batch;
      batch = [];
      [erases, changes] = [0, 0];
    }
    batch.push(removal);
    erases += removal.filter(({ op }) => op === "erase").length;
    changes += removal.length;
  }
  yield batch;
}
