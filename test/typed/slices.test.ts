import { expect, test } from "vitest";
import { atOnce, firstStepThenSlices, inOneSlice, mapInSlices, type Steps } from "../../src/typed/slices.js";

function* counted(steps: number, note: () => void): Steps<string> {
  for (let step = 0; step < steps; step++) {
    if (step > 0) yield;
    note();
  }
  return "done";
}

test("the first step runs before the first await, and the others run later", async () => {
  let taken = 0;
  const short = firstStepThenSlices(counted(1, () => taken++));
  expect(taken).toBe(1);
  expect(await short).toBe("done");
  taken = 0;
  const long = firstStepThenSlices(counted(3, () => taken++));
  expect(taken).toBe(1);
  await Promise.resolve();
  expect(taken).toBe(1);
  expect(await long).toBe("done");
  expect(taken).toBe(3);
  expect(atOnce(counted(3, () => {}))).toBe("done");
});

test("many items are processed in slices, with a turn of the event loop between them", async () => {
  let turn = 0;
  let isOver = false;
  const count = () => {
    turn++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const looked = await mapInSlices(
    Array.from({ length: 1000 }, (_, index) => index),
    async (index) => ({ index, turn }),
  );
  isOver = true;
  expect(looked.map(({ index }) => index)).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  const inTurn = new Map<number, number>();
  for (const one of looked) inTurn.set(one.turn, (inTurn.get(one.turn) ?? 0) + 1);
  expect(Math.max(...inTurn.values())).toBeLessThanOrEqual(256);
  expect(inTurn.size).toBeGreaterThan(3);
});

test("an error of the work is passed on, and nothing is left running", async () => {
  const failing = mapInSlices(Array.from({ length: 400 }), async () => {
    throw new Error("its own");
  });
  await expect(failing).rejects.toThrow("its own");
  await expect(
    inOneSlice(() => {
      throw new Error("another");
    }),
  ).rejects.toThrow("another");
  expect(await mapInSlices([], () => 1)).toEqual([]);
});
