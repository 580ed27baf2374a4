import { inSlices, type Steps } from "../timing/in-slices.js";

export { atOnce, type Steps } from "../timing/in-slices.js";

/** So many are looked at in one turn of the event loop. */
const PIECE = 128;

/** Takes the first step at once and the others in slices: what is small is done before anything is waited for. */
export async function beginAtOnce<T>(steps: Steps<T>): Promise<T> {
  const { done, value } = steps.next();
  return done ? value : inSlices(steps);
}

/** Work that cannot be cut, such as reading one JSON text: in a slice of its own. */
export function inOneSlice<T>(work: () => T | Promise<T>): Promise<T> {
  return inSlices<T | Promise<T>>(uncut(work)) as Promise<T>;
}

function* uncut<T>(work: () => T): Steps<T> {
  yield;
  return work();
}

/** What `work` makes of each, in their order; whatever else waits for the event loop has its turn between pieces. */
export async function mapInSlices<T, R>(
  all: readonly T[],
  work: (one: T) => R | Promise<R>,
): Promise<Awaited<R>[]> {
  const done: Awaited<R>[] = [];
  for (let at = 0; at < all.length; at += PIECE) {
    const piece = () => Promise.all(all.slice(at, at + PIECE).map((one) => work(one)));
    const made = at === 0 ? piece() : inOneSlice(piece);
    for (const one of await made) done.push(one);
  }
  return done;
}
