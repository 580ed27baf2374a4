import { describe, expect, test } from "vitest";
import { BatchSize } from "../../src/queue/batch-size.js";

const KIB = 1024;

/** The most weight that fits into a batch of several tenants, in KiB. */
function limitOf(size: BatchSize): number {
  let fits = 0;
  while (!size.isTooLarge(0, (fits + 1) * KIB)) fits++;
  return fits;
}

function sharedSize(): BatchSize {
  const size = new BatchSize();
  size.noteTenants(["a", "b"], 0);
  return size;
}

describe("the limit of a batch that tenants share", () => {
  test("falls while batches take long, and rises while they do not", () => {
    const size = sharedSize();
    size.noteDuration(256 * KIB, 1);
    const [before, durations] = [limitOf(size), [30, 30, 30, 30]];
    for (const ms of durations) size.noteDuration(limitOf(size) * KIB, ms);
    const low = limitOf(size);
    expect(low).toBeLessThan(before / 2);
    for (const ms of [1, 1, 1, 1]) size.noteDuration(limitOf(size) * KIB, ms);
    expect(limitOf(size)).toBeGreaterThan(low);
  });

  test("does not fall for commits that are larger than it, and sent alone whatever it is", () => {
    const size = sharedSize();
    size.noteDuration(64 * KIB, 1);
    const before = limitOf(size);
    // 4,096 changes each, as fast per byte as the small batch.
    for (let count = 0; count < 20; count++) size.noteDuration(4096 * KIB, 64);
    expect(limitOf(size)).toBeGreaterThanOrEqual(before);
  });

  test("does not fall on a slow disk, for batches that take no longer than twice the fastest", () => {
    const size = sharedSize();
    for (let count = 0; count < 3; count++) size.noteDuration(256 * KIB, 100);
    const before = limitOf(size);
    for (let count = 0; count < 3; count++) size.noteDuration(limitOf(size) * KIB, 150);
    expect(limitOf(size)).toBeGreaterThanOrEqual(before);
  });
});
