import fc from "fast-check";
import { expect, test } from "vitest";
import { SortedBlocks } from "../../drivers/memory/sorted-blocks.js";

const ascending = (a: number, b: number) => a - b;

type Step = { readonly act: "add" | "remove" | "from" | "between"; readonly at: number };

/** Enough adds for several blocks, and enough of the rest for blocks to become empty. */
const steps = fc.array(
  fc.record<Step>({
    act: fc.constantFrom("add", "add", "add", "remove", "from", "between"),
    at: fc.integer({ min: 0, max: 3000 }),
  }),
  { size: "max", maxLength: 3000 },
);

test("is a sorted array, whatever is added and removed", () => {
  fc.assert(
    fc.property(steps, fc.constantFrom("up", "down", "as it comes"), (steps, order) => {
      const blocks = new SortedBlocks<number>(ascending);
      const plain = new Set<number>();
      const numbers = steps.map(({ at }) => at).sort(ascending);
      if (order === "down") numbers.reverse();
      for (const [index, { act, at }] of steps.entries()) {
        const added = order === "as it comes" ? at : (numbers[index] as number);
        const sorted = () => [...plain].sort(ascending);
        if (act === "add" && !plain.has(added)) {
          blocks.add(added);
          plain.add(added);
        }
        if (act === "remove") {
          const present = index % 2 ? at : ([...plain][at % plain.size] ?? at);
          blocks.remove(present);
          plain.delete(present);
        }
        if (act === "from") {
          expect(first(blocks.from((item) => item >= at))).toEqual(
            sorted()
              .filter((item) => item >= at)
              .slice(0, 20),
          );
        }
        if (act === "between") {
          const end = at + (index % 40) - 5;
          const ends = [(item: number) => item >= at, (item: number) => item >= end] as const;
          const expected = sorted().filter((item) => item >= at && item < end);
          expect([...blocks.between(...ends)]).toEqual(expected);
          expect([...blocks.betweenDown(...ends)]).toEqual(expected.reverse());
        }
      }
      const all = [...plain].sort(ascending);
      expect([...blocks.from(() => true)]).toEqual(all);
      const everything = [() => true, () => false] as const;
      expect([...blocks.between(...everything)]).toEqual(all);
      expect([...blocks.betweenDown(...everything)]).toEqual(all.reverse());
    }),
    { numRuns: 60 },
  );
});

test("finds an item among 200,000 without reading them all", () => {
  let compared = 0;
  const blocks = new SortedBlocks<number>((a, b) => {
    compared++;
    return a - b;
  });
  for (let index = 0; index < 200_000; index++) blocks.add((index * 7919) % 200_000);
  expect(compared / 200_000).toBeLessThan(25);
  let looked = 0;
  const at = blocks.from((item) => {
    looked++;
    return item >= 123_456;
  });
  expect(at.next().value).toBe(123_456);
  expect(looked).toBeLessThan(40);
  looked = 0;
  const reached = (from: number) => (item: number) => {
    looked++;
    return item >= from;
  };
  expect([...blocks.between(reached(10_000), reached(110_000))].length).toBe(100_000);
  expect([...blocks.betweenDown(reached(10_000), reached(110_000))].length).toBe(100_000);
  expect(looked).toBeLessThan(160);
});

test("an empty one returns nothing", () => {
  const blocks = new SortedBlocks<number>(ascending);
  blocks.remove(1);
  expect([
    ...blocks.from(() => true),
    ...blocks.betweenDown(
      () => true,
      () => false,
    ),
  ]).toEqual([]);
});

function first(items: Iterable<number>): number[] {
  const found: number[] = [];
  for (const item of items) {
    if (found.length === 20) break;
    found.push(item);
  }
  return found;
}
