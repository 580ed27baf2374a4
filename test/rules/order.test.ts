import fc from "fast-check";
import { expect, test } from "vitest";
import type { Slot } from "../../src/contract/driver.js";
import { compareByIdentity, compareByKind, compareText, prefixEnd } from "../../src/rules/order.js";

const EDGES = [
  "\u0001",
  "a",
  "b",
  "\u007F",
  "\u0080",
  "\u07FF",
  "\u0800",
  "\uD7FF",
  "\uE000",
  "\uFFFD",
  "\uFFFF",
];
const ASTRAL = ["\u{10000}", "\u{1F600}", "\u{10FFFE}", "\u{10FFFF}"];
const character = fc.oneof(
  fc.constantFrom(...EDGES, ...ASTRAL),
  fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
);
const text = fc.array(character, { maxLength: 6 }).map((characters) => characters.join(""));
const RUNS = { numRuns: 5000 };

test("compareText orders as the UTF-8 bytes do", () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareText(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    RUNS,
  );
  for (const a of [...EDGES, ...ASTRAL]) {
    for (const b of [...EDGES, ...ASTRAL]) {
      expect([a, b, Math.sign(compareText(a, b))]).toEqual([
        a,
        b,
        Buffer.compare(Buffer.from(a), Buffer.from(b)),
      ]);
    }
  }
});

test("a prefix is the range from itself up to its end", () => {
  fc.assert(
    fc.property(text, text, fc.boolean(), (prefix, other, inside) => {
      const value = inside ? prefix + other : other;
      const end = prefixEnd(prefix);
      const inRange = compareText(value, prefix) >= 0 && (end === undefined || compareText(value, end) < 0);
      expect(inRange).toBe(value.startsWith(prefix));
    }),
    RUNS,
  );
});

test.each([
  ["a", "b"],
  ["a/", "a0"],
  ["a\uD7FF", "a\uE000"],
  ["a\uFFFF", "a\u{10000}"],
  ["a\u{10FFFF}", "b"],
  ["\u{10FFFF}\u{10FFFF}", undefined],
  ["", undefined],
])("the end of %j is %j", (prefix, end) => {
  expect(prefixEnd(prefix)).toBe(end);
});

test("slots are compared field by field, so that no two fields run together", () => {
  const slot = fc.record({ tenant: text, user: text, session: text, run: text, kind: text });
  const compareFields = (fields: readonly (keyof Slot)[]) => (a: Slot, b: Slot) => {
    for (const field of fields) {
      const order = Buffer.compare(Buffer.from(a[field]), Buffer.from(b[field]));
      if (order !== 0) return order;
    }
    return 0;
  };
  const byIdentity = compareFields(["tenant", "user", "session", "run", "kind"]);
  const byKind = compareFields(["tenant", "kind", "user", "session", "run"]);
  fc.assert(
    fc.property(
      slot,
      slot,
      fc.subarray(["tenant", "user", "session", "run", "kind"] as const),
      (a, other, same) => {
        const b = { ...other, ...Object.fromEntries(same.map((field) => [field, a[field]])) };
        expect(Math.sign(compareByIdentity(a, b))).toBe(byIdentity(a, b));
        expect(Math.sign(compareByKind(a, b))).toBe(byKind(a, b));
      },
    ),
    RUNS,
  );
});
