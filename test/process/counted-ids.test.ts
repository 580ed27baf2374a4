import { expect, test } from "vitest";
import { countedIds } from "../../src/process/counted-ids.js";

const HEAD = "01JQZX4T9P00000000";

/** Ids that go on from these, one per millisecond. */
function idsFrom(...ends: readonly string[]) {
  const asked: number[] = [];
  const next = countedIds((time) => {
    asked.push(time);
    return `${HEAD}${ends[asked.length - 1]}`;
  });
  return { next, asked };
}

test.each([
  ["00000000", "00000001"],
  ["0000000Z", "00000010"],
  ["0000ZZZZ", "00010000"],
  ["7HTKZZZY", "7HTKZZZZ"],
  ["ZZZYZZZZ", "ZZZZ0000"],
])("within a millisecond, %s is followed by %s", (end, following) => {
  const { next, asked } = idsFrom(end);
  expect([next(5), next(5), asked]).toEqual([`${HEAD}${end}`, `${HEAD}${following}`, [5]]);
});

test("a clock that is set back counts as one that stands", () => {
  const { next, asked } = idsFrom("00000000", "00000000");
  next(5);
  expect([next(3), asked]).toEqual([`${HEAD}00000001`, [5]]);
  next(6);
  expect(asked).toEqual([5, 6]);
});

test("when the characters are used up, the ids are a millisecond ahead until the clock is there, too", () => {
  const { next, asked } = idsFrom("ZZZZZZZZ", "00000007", "00000000");
  next(5);
  expect([next(5), asked]).toEqual([`${HEAD}00000007`, [5, 6]]);
  expect([next(6), asked]).toEqual([`${HEAD}00000008`, [5, 6]]);
  next(7);
  expect(asked).toEqual([5, 6, 7]);
});
