import { inSlices, type Steps } from "../timing/in-slices.js";

export { atOnce, type Steps } from "../timing/in-slices.js";

/** Items handled in one turn of the event loop. */
const ITEMS_PER_SLICE = 128;

/** Runs the first step at once and the others in slices, so that small work is done before the first await. */
export async function firstStepThenSlices<T>(steps: Steps<T>): Promise<T> {
  const { done, value } = steps.next();
  return done ? value : inSlices(steps);
}

/** Runs work that cannot be divided, such as parsing one JSON text, in a slice of its own. */
export function inOneSlice<T>(work: () => T | Promise<T>): Promise<T> {
  return inSlices<T | Promise<T>>(oneStep(work)) as Promise<T>;
}

function* oneStep<T>(work: () => T): Steps<T> {
  yield;
  return work();
}

/** Maps all items, in their order. Other work can use the event loop between slices. */
export async function mapInSlices<T, R>(
  all: readonly T[],
  work: (item: T) => R | Promise<R>,
): Promise<Awaited<R>[]> {
  const done: Awaited<R>[] = [];
  for (let start = 0; start < all.length; start += ITEMS_PER_SLICE) {
    const piece = () => Promise.all(all.slice(start, start + ITEMS_PER_SLICE).map((item) => work(item)));
    const made = start === 0 ? piece() : inOneSlice(piece);
    for (const item of await made) done.push(item);
  }
  return done;
}
