import { expect, test } from "vitest";
import { checkLinearizable } from "../../conformance/histories/linearizable.js";
import { smallest } from "../../conformance/histories/smallest.js";
import { history, REGISTERS, type Use } from "./registers.js";

const hasOrder = (uses: readonly Use[]) => checkLinearizable(uses, REGISTERS).is === "linearizable";
const isRead = ({ writes }: Use) => Object.keys(writes ?? {}).length === 0;

test("what does not fit is left, with the writes before it, and no read that has nothing to do with it", () => {
  const whole = history(
    "x=1   |-|",
    "y=1       |-|",
    "y?1           |-|",
    "x=2              |-|",
    "x?2                  |-|",
    "x?1                      |-|",
    "x=3                          |-|",
    "x?3                              |-|",
  );
  const [first, other, , second, , stale] = whole;
  expect(smallest(whole, hasOrder, isRead)).toEqual([first, other, second, stale]);
});

test("what was under way when it was found has no answer yet", () => {
  const whole = history("x=1   |-|", "x=2     |-------|", "x?0       |-|", "x?2               |-|");
  const [first, { ended: _, ...unfinished }, stale] = whole as [Use, Use, Use];
  expect(smallest(whole, hasOrder, isRead)).toEqual([first, unfinished, stale]);
});

test("a read is left without which there would be an order", () => {
  const whole = history("x=1   |-----------|", "x?1       |-|", "x?1          |-|", "x?0               |-|");
  const [write, , read, old] = whole as [Use, Use, Use, Use];
  expect(hasOrder([write, old])).toBe(true);
  expect(smallest(whole, hasOrder, isRead)).toEqual([write, read, old]);
});
