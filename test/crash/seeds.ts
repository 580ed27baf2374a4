import { soak } from "../soak.js";

/**
 * Does something with so many seeds, or as many times as many as the soak asks for: new ones, or that in
 * GROUNDSTATE_REPLAY. When it fails, the error says with which.
 */
export async function withSeeds(count: number, work: (seed: number) => Promise<void>): Promise<void> {
  for (const seed of seeds(count)) {
    try {
      await work(seed);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${message}\n\nTo run it with this seed: GROUNDSTATE_REPLAY=${seed}`, { cause: error });
    }
  }
}

function seeds(count: number): readonly number[] {
  const { GROUNDSTATE_REPLAY: replayed = "" } = process.env;
  if (/^\d+$/.test(replayed)) return [Number(replayed)];
  return Array.from({ length: soak(count) }, () => Math.floor(Math.random() * 2 ** 31));
}
