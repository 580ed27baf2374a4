/** Integers from 0 to below `limit`; the same ones in every run. Mulberry32, by Tommy Ettinger, public domain. */
export function randomIntegers(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** 0 to `count` - 1 in random order (Fisher and Yates). */
export function shuffled(count: number, seed: number): Int32Array {
  const draw = randomIntegers(seed);
  const order = Int32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = draw(last + 1);
    const value = order[last] as number;
    order[last] = order[other] as number;
    order[other] = value;
  }
  return order;
}

/** Payloads that no two of which are alike. */
export function randomPayloads(count: number, bytes: number, seed: number): Buffer[] {
  const draw = randomIntegers(seed);
  return Array.from({ length: count }, () =>
    Buffer.from(Uint8Array.from({ length: bytes }, () => draw(256))),
  );
}
