import { expect, test } from "vitest";
import { commitKeys, HeldKeys } from "../../src/rules/slot-key.js";
import { deletes, erases, saves } from "../store/store-rig.js";

const [one, two, other, whole] = [deletes("a"), saves("1", ["a"]), deletes("b"), erases()].map(
  commitKeys,
) as [
  ReturnType<typeof commitKeys>,
  ReturnType<typeof commitKeys>,
  ReturnType<typeof commitKeys>,
  ReturnType<typeof commitKeys>,
];

test("keys are held until each commit that has them is removed", () => {
  const held = new HeldKeys();
  const conflicts = () => [one, two, other, whole].map((keys) => held.conflictsWith(keys));
  held.add(one);
  held.add(two);
  expect(conflicts()).toEqual([true, true, false, true]);
  held.remove(one);
  expect(conflicts()).toEqual([true, true, false, true]);
  held.remove(two);
  expect(conflicts()).toEqual([false, false, false, false]);
  held.add(whole);
  expect(conflicts()).toEqual([true, true, true, true]);
  held.remove(whole);
  expect(conflicts()).toEqual([false, false, false, false]);
});
