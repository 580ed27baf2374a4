/** How many times as long as usual the randomized tests run: `npm run soak` sets it. */
const FACTOR = Number(process.env.GROUNDSTATE_SOAK ?? 1);

if (!Number.isInteger(FACTOR) || FACTOR < 1) throw new RangeError("GROUNDSTATE_SOAK must be a whole number");

export const isSoak = FACTOR > 1;

/** What of a list a short run tries: every `step`th from the first on. The soak tries all. */
export function sampleOf<T>(all: readonly T[], step: number): readonly T[] {
  return isSoak ? all : all.filter((_, index) => index % step === 0);
}

/** A number of rounds, seeds or the like: as given, or as many times as many as the soak asks for. */
export function soak(count: number): number {
  return count * FACTOR;
}
