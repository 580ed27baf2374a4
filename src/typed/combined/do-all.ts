import type { EventId } from "../../contract/store.js";
import type { CombinedCommit } from "./combined-work.js";
import type { QueuedWork } from "./queued-work.js";

/** What became of one caller's work. */
export type Outcome =
  | { readonly is: "done"; readonly answer: unknown }
  | { readonly is: "refused"; readonly error: unknown };

/** Does the works of one attempt, in order. Work that throws, or was aborted before the attempt, writes nothing. */
export async function doAll<C extends CombinedCommit>(
  commit: C,
  batch: readonly QueuedWork<C>[],
  recallAll: boolean,
): Promise<Outcome[]> {
  // All cells are read in the same turn of the event loop, so that the store asks the driver once. A failed read refuses
  // only the work that needs the cell.
  const ready = batch.map(({ work }) => Promise.all(work.reads.map((cell) => commit.get(cell))));
  await Promise.allSettled(ready);
  const written = new Set<EventId>();
  const outcomes: Outcome[] = [];
  for (const [index, { work, signal }] of batch.entries()) {
    const recallFirst = recallAll || work.ids?.some((id) => written.has(id));
    const outcome = outcomeOf(async () => {
      await ready[index];
      signal?.throwIfAborted();
      return commit.allOrNothing(
        async () => (recallFirst ? await work.recall?.(commit) : undefined) ?? work.apply(commit),
      );
    });
    outcomes.push(await outcome);
    for (const id of work.ids ?? []) written.add(id);
  }
  await commit.flush?.();
  return outcomes;
}

async function outcomeOf(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { is: "done", answer: await work() };
  } catch (error) {
    return { is: "refused", error };
  }
}
