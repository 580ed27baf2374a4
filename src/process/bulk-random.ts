import { randomFillSync } from "node:crypto";

const POOL_BYTES = 1024;

/**
 * Cryptographically random multiples of 1/256, from 0 up to and without 1. They are generated in bulk: one at a time, the 16
 * of an event id would cost more than the rest of it.
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
