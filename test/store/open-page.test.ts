import { expect, test } from "vitest";
import { isLongPage, openPageSteps, openSteps } from "../../src/store/open-record.js";
import { stored } from "./store-rig.js";

const page = (count: number, size: number) => {
  const bytes = Buffer.alloc(size);
  return Array.from({ length: count }, (_, index) => stored({ eventId: `e${index}`, bytes }));
};

function stepsOf(count: number, size: number): number {
  const opened: string[] = [];
  const steps = openPageSteps(page(count, size), function* (record) {
    opened.push((yield* openSteps(record, {})).eventId);
  });
  let number = 1;
  while (!steps.next().done) number++;
  expect(opened).toEqual(page(count, 0).map(({ eventId }) => eventId));
  return number;
}

test("a page is opened in steps of so many records, or so many bytes", () => {
  expect(stepsOf(99, 10)).toBe(1);
  expect(stepsOf(1000, 10)).toBe(11);
  expect(stepsOf(64, 128 * 1024)).toBe(33);
});

test("a page is long if it has many records, or many bytes in total", () => {
  expect(isLongPage(page(100, 1000))).toBe(false);
  expect(isLongPage(page(101, 1000))).toBe(true);
  expect(isLongPage(page(3, 128 * 1024))).toBe(true);
  expect(isLongPage([undefined as never])).toBe(false);
});
