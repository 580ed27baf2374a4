import { expect, test } from "vitest";
import type { Commit, Outcome } from "../../src/contract/driver.js";
import { outcomeFault } from "../../src/queue/outcome-fault.js";
import { deletes, erases } from "../store/store-rig.js";

const TWO: Commit = { tenant: "acme", writes: [...deletes("a").writes, ...erases().writes] };

const POSSIBLE = [
  { is: "applied", existed: [true, false], erased: [0] },
  { is: "conflict", write: 1 },
  { is: "condition", write: 0, current: null },
  { is: "condition", write: 0, current: "e1" },
  { is: "duplicate" },
  { is: "failed", error: new Error("no") },
];

const IMPOSSIBLE = [
  undefined,
  null,
  {},
  { is: "wat" },
  { is: "applied" },
  { is: "applied", existed: { length: 2 }, erased: [0] },
  { is: "applied", existed: [true], erased: [0] },
  { is: "applied", existed: [true, false] },
  { is: "applied", existed: [true, false], erased: [] },
  { is: "applied", existed: [true, false], erased: [1, 1] },
  { is: "applied", existed: [true, false], erased: [0.5] },
  { is: "applied", existed: [true, false], erased: { length: 1 } },
  { is: "conflict" },
  { is: "conflict", write: 2 },
  { is: "conflict", write: -1 },
  { is: "conflict", write: 0.5 },
  { is: "conflict", write: "0" },
  { is: "condition", write: 2, current: null },
  { is: "condition", write: 0 },
  { is: "condition", write: 0, current: 7 },
];

test.each(POSSIBLE)("%o is an outcome of a delete and an erase", (outcome) => {
  expect(outcomeFault(outcome as Outcome, TWO)).toBeUndefined();
});

test.each(IMPOSSIBLE)("%o is none", (outcome) => {
  expect(outcomeFault(outcome as never, TWO)).toBeTypeOf("string");
});
