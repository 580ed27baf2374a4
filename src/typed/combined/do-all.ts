import type { EventId } from "../../contract/store.js";
import { cellKey } from "../cell.js";
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
  assumeKnown(commit, batch);
  const ready = await readAhead(commit, batch);
  const written = new Set<EventId>();
  const outcomes: Outcome[] = [];
  for (const [index, { work, signal }] of batch.entries()) {
    const recallFirst = recallAll || work.ids?.some((id) => written.has(id));
    const outcome = outcomeOf(async () => {
      await ready?.[index];
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

/** Not where works of other kinds share the commit: a refusal of theirs has to be about what is stored. */
function assumeKnown<C extends CombinedCommit>(commit: C, batch: readonly QueuedWork<C>[]): void {
  const slots = new Set(batch.map(({ work: { overwrites } }) => overwrites && cellKey(overwrites)));
  if (slots.size === 1 && !slots.has(undefined)) batch[0]?.work.assume?.(commit);
}

/**
 * Reads all cells in the same turn of the event loop, so that the store asks the driver once. A failed read refuses only the
 * work that needs the cell. Nothing is read ahead where there is one cell: the first work reads it.
 */
async function readAhead<C extends CombinedCommit>(
  commit: C,
  batch: readonly QueuedWork<C>[],
): Promise<readonly Promise<unknown>[] | undefined> {
  const found = new Map<string, Promise<unknown>>();
  const cells = new Map(batch.flatMap(({ work }) => work.reads.map((cell) => [cellKey(cell), cell])));
  const peeks = new Map(batch.flatMap(({ work }) => (work.peeks ?? []).map((cell) => [cellKey(cell), cell])));
  if (cells.size + peeks.size < 2) return undefined;
  for (const [key, cell] of cells) found.set(key, commit.get(cell));
  await Promise.allSettled([...found.values(), ...[...peeks.values()].map((cell) => commit.peek?.(cell))]);
  return batch.map(({ work }) => {
    const ready = Promise.all(work.reads.map((cell) => found.get(cellKey(cell))));
    ready.catch(() => {});
    return ready;
  });
}

async function outcomeOf(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { is: "done", answer: await work() };
  } catch (error) {
    return { is: "refused", error };
  }
}
