import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalPieces } from "../../src/approvals/canonical-pieces.js";
import { callDigest } from "../../src/approvals/digest.js";
import type { JsonValue } from "../../src/typed/index.js";

const numbers = Array.from({ length: 30_000 }, (_, index) => index / 3);
const LARGE: [string, JsonValue][] = [
  ["a long text", `${"é".repeat(100_000)}"\\\n`],
  ["a text of surrogate pairs, cut anywhere", `x${"😀".repeat(50_000)}`],
  ["many numbers", numbers],
  ["many rows", numbers.slice(0, 5000).map((id) => ({ text: "some words", id, tags: [{ z: 1, a: null }] }))],
  ["many names", Object.fromEntries(numbers.map((number) => [`${number}\u20ac`, true]))],
  ["long names", { ["b".repeat(50_000)]: 1, ["a".repeat(50_000)]: { c: [], b: {} } }],
  ["__proto__ among many", JSON.parse(`{"__proto__":{"b":1,"a":2},"z":${JSON.stringify(numbers)},"a":0}`)],
  ["large inside large", [[numbers, 1, [numbers]], [], { b: numbers, a: ["y".repeat(70_000), "x"] }]],
];

test.each(LARGE)("pieces together are canonical, and none is large: %s", (_, value) => {
  const pieces = [...canonicalPieces(value)];
  expect(pieces.join("")).toBe(canonicalize(value));
  for (const piece of pieces) expect(piece.length).toBeLessThan(64 * 1024 + 2);
  const text = canonicalize({ tool: "t", arguments: value }) as string;
  expect(callDigest("t", value)).toBe(createHash("sha256").update(text).digest("hex"));
});

test("whatever the value", () => {
  const parts = fc.tuple(fc.jsonValue() as fc.Arbitrary<JsonValue>, fc.integer({ min: 0, max: 1200 }));
  const values = fc.dictionary(fc.string({ unit: "grapheme" }), parts, { maxKeys: 4 });
  fc.assert(
    fc.property(values, (given) => {
      const repeated = Object.entries(given).map(([name, [part, times]]) => [name, Array(times).fill(part)]);
      const value = Object.fromEntries(repeated) as JsonValue;
      expect([...canonicalPieces(value)].join("")).toBe(canonicalize(value));
    }),
    { numRuns: 30 },
  );
});
