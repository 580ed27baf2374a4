import { expect, test } from "vitest";
import {
  covers,
  type EraseRange,
  eraseRange,
  firstSlotOf,
  isInRange,
  isInTarget,
  overlap,
  type Place,
  placeAfter,
} from "../../src/rules/erase-range.js";

const SESSION = { tenant: "acme", user: "ann", session: "s" };
const PLACES: readonly Place[] = ["", "r", "s"].flatMap((run) =>
  ["a", "a/1", "a/2", "b"].map((kind) => ({ run, kind })),
);
const TARGETS = [
  SESSION,
  ...["", "r"].flatMap((run) => ["", "a", "a/", "a/1", "b"].map((prefix) => ({ ...SESSION, run, prefix }))),
];
const PAIRS = TARGETS.flatMap((one) => TARGETS.map((other) => [eraseRange(one), eraseRange(other)] as const));

/** Those of the places that lie in a range. */
function placesOf(range: EraseRange): string[] {
  return PLACES.filter((place) => isInRange(place, range)).map(({ run, kind }) => `${run} ${kind}`);
}

test("a slot is in the range of a target exactly if the target empties it", () => {
  for (const target of TARGETS)
    for (const place of PLACES)
      expect(isInRange(place, eraseRange(target))).toBe(isInTarget({ ...SESSION, ...place }, target));
});

test("a range begins with its first place, and ends before its last", () => {
  const range = { from: { run: "r", kind: "a" }, until: { run: "r", kind: "b" } };
  expect(placesOf(range)).toEqual(["r a", "r a/1", "r a/2"]);
  expect(placesOf({ ...range, from: placeAfter(range.from) })).toEqual(["r a/1", "r a/2"]);
});

test("no slot of another session is in a target", () => {
  for (const target of TARGETS)
    for (const key of ["tenant", "user", "session"])
      expect(isInTarget({ ...SESSION, run: "r", kind: "a/1", [key]: "other" }, target)).toBe(false);
});

test("the first slot is the least that may be in the target", () => {
  expect(firstSlotOf(SESSION)).toEqual({ ...SESSION, run: "", kind: "" });
  expect(firstSlotOf({ ...SESSION, run: "r", prefix: "a" })).toEqual({ ...SESSION, run: "r", kind: "a" });
});

test("ranges overlap if they share a place, and one covers another if it has all of its places", () => {
  for (const [one, other] of PAIRS) {
    const [own, others] = [new Set(placesOf(one)), placesOf(other)];
    expect(overlap(one, other)).toBe(others.some((place) => own.has(place)));
    if (covers(one, other)) expect(others.every((place) => own.has(place))).toBe(true);
  }
  const whole = eraseRange(SESSION);
  const part = eraseRange({ ...SESSION, run: "r", prefix: "a" });
  expect([covers(whole, part), covers(part, whole), covers(part, part)]).toEqual([true, false, true]);
});

test("ranges that only touch have nothing in common", () => {
  const [first, second] = ["a", "b"].map((kind) => ({ run: "r", kind })) as [Place, Place];
  const third = { run: "r", kind: "c" };
  const [one, other] = [
    { from: first, until: second },
    { from: second, until: third },
  ];
  expect([overlap(one, other), overlap(other, one), overlap(one, one)]).toEqual([false, false, true]);
});
