import { describe, expect, test } from "vitest";
import type { Commit } from "../../src/contract/driver.js";
import { BatchBuilder } from "../../src/queue/batch-builder.js";
import { BatchSize } from "../../src/queue/batch-size.js";
import { Entry } from "../../src/queue/queue-entry.js";
import { CallTimes } from "../../src/timing/call-time.js";
import { deletes } from "../store/store-rig.js";

const nothing = () => {};

function entryOf(commit: Commit): Entry {
  return new Entry(commit, new CallTimes(1000).begin(), nothing, nothing, nothing, undefined);
}

/** How many entries like this one fit. */
function countOf(builder: BatchBuilder, commit: Commit): number {
  let count = 0;
  while (count < 1000 && builder.tryAdd(entryOf(commit))) count++;
  return count;
}

describe("a batch", () => {
  test("holds as many commits as it may", () => {
    expect(countOf(new BatchBuilder(3, new BatchSize()), deletes("a"))).toBe(3);
  });

  test("that tenants share is bounded by the weight of its writes too: 256 KiB at first, and a KiB each", () => {
    const size = new BatchSize();
    size.noteTenants(["a", "b"], 0);
    size.noteDuration(256 * 1024, 1);
    for (let slow = 0; slow < 3; slow++) size.noteDuration(256 * 1024, 1000);
    const fitting = countOf(new BatchBuilder(1000, size), deletes("a"));
    expect(fitting).toBeGreaterThan(64);
    expect(fitting).toBeLessThan(200);
    expect(countOf(new BatchBuilder(1000, new BatchSize()), deletes("a"))).toBe(256);
  });
});
