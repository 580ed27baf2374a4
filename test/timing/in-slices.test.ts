import { expect, test } from "vitest";
import { atOnce, inSlices, type Steps } from "../../src/timing/in-slices.js";

/** Work that blocks the event loop for a while in each step. */
function* busy(steps: number, note: () => void = () => {}): Steps<string> {
  for (let step = 0; step < steps; step++) {
    const until = performance.now() + 2;
    while (performance.now() < until);
    note();
    yield;
  }
  return "done";
}

/** How many turns of the event loop passed until it was done. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work;
  isOver = true;
  return turns;
}

test("long work yields to the event loop, and returns its result", async () => {
  const work = inSlices(busy(20));
  expect(await turnsDuring(work)).toBeGreaterThan(4);
  expect(await work).toBe("done");
  expect(atOnce(busy(1))).toBe("done");
});

test("two jobs alternate, and an error of one does not affect the other", async () => {
  const order: string[] = [];
  const failing = function* (): Steps<never> {
    yield* busy(2, () => order.push("failing"));
    throw new Error("its own");
  };
  const ends = await Promise.allSettled([inSlices(failing()), inSlices(busy(4, () => order.push("other")))]);
  expect(ends.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  expect(order.slice(0, 4)).toEqual(["failing", "other", "failing", "other"]);
});
