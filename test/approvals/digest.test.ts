import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { callDigest } from "../../src/approvals/index.js";

const BASE = { a: 1, b: [1, { c: "x" }], d: null };

describe("the digest of a call", () => {
  test("is SHA-256 over the canonical JSON of tool and arguments", () => {
    const text = '{"arguments":{"a":1e+30,"b":"€"},"tool":"t"}';
    const expected = createHash("sha256").update(text).digest("hex");
    expect(callDigest("t", { b: "\u20ac", a: 1e30 })).toBe(expected);
  });

  test("does not depend on the order of names or the form of numbers", () => {
    const digest = callDigest("t", BASE);
    expect(callDigest("t", { d: null, b: [1.0, { c: "x" }], a: 1 })).toBe(digest);
    expect(callDigest("t", JSON.parse('{"d":null,"b":[1.00,{"c":"\\u0078"}],"a":10e-1}'))).toBe(digest);
    expect(callDigest("t", [0])).toBe(callDigest("t", [-0]));
  });

  test("depends on everything else", () => {
    const calls: [string, unknown][] = [
      ["t", BASE],
      ["T", BASE],
      ["t ", BASE],
      ["t", { ...BASE, a: "1" }],
      ["t", { ...BASE, a: 1.0000000000000002 }],
      ["t", { ...BASE, a: true }],
      ["t", { ...BASE, b: [{ c: "x" }, 1] }],
      ["t", { ...BASE, b: [1, { c: "x", e: [] }] }],
      ["t", { a: 1, b: BASE.b }],
      ["t", [BASE]],
      ["t", "x"],
      ["t", "\u00e9"],
      ["t", "e\u0301"],
      ["t", {}],
      ["t", []],
      ["t", null],
      ["t", JSON.parse('{"__proto__":{"admin":true}}')],
      ["t", { "": BASE }],
    ];
    const digests = calls.map(([tool, args]) => callDigest(tool, args as never));
    expect(new Set(digests).size).toBe(calls.length);
  });

  const cycle: unknown[] = [];
  cycle.push(cycle);
  test.each([
    ["NaN", Number.NaN],
    ["Infinity", [Number.NEGATIVE_INFINITY]],
    ["a bigint", { n: 1n }],
    ["a cycle", cycle],
    ["a lone surrogate", "\ud800"],
    ["a name with a lone surrogate", { "\udc00": 1 }],
    ["a Map", new Map([["a", 1]])],
    ["a Date", new Date(0)],
    ["a function", { toJSON: () => 1 }],
    ["a symbol", [Symbol("a")]],
    ["undefined", undefined],
    ["a hole", new Array(1)],
  ])("%s has none", (_, value) => {
    expect(() => callDigest("t", value as never)).toThrow(
      expect.objectContaining({
        code: "INVALID_RECORD",
        details: { field: "arguments", rule: expect.any(String) },
      }),
    );
  });
});
