import { randomFillSync } from "node:crypto";

const POOL_BYTES = 1024;

/**
 * Cryptographically random numbers, multiples of 1/256 from 0 up to 1, which are fetched many at a time: one by one,
 * the 16 that an event id takes cost more than all the rest of it.
 */
export function bulkRandom(): () => number {
  const pool = new Uint8Array(POOL_BYTES);
  let left = 0;
  return () => {
    if (left === 0) left = randomFillSync(pool).length;
    left--;
    return (pool[left] as number) / 256;
  };
}
