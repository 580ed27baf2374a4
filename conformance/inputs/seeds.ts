/** Seeds are whole numbers below this. */
export const SEEDS = 2 ** 32;

export function randomSeed(): number {
  return Math.floor(Math.random() * SEEDS);
}
