import { AssertionError } from "node:assert/strict";
import { describe, expect, test } from "vitest";
import { readCommand, UsageError } from "../../conformance/command/arguments.js";
import { junitReport, tapReport } from "../../conformance/command/machine-formats.js";
import { failureOf } from "../../conformance/harness/failure.js";
import type { Report } from "../../conformance/index.js";

describe("the command line", () => {
  test.each([
    { args: [], says: "no command given" },
    { args: ["conform"], says: "no command conform" },
    { args: ["conformance"], says: "give one module" },
    { args: ["conformance", "a", "b"], says: "give one module" },
    { args: ["conformance", "a", "--jsno"], says: "--jsno" },
    { args: ["conformance", "a", "--timeout", "soon"], says: "--timeout takes a whole number" },
    { args: ["conformance", "a", "--timeout", "0"], says: "--timeout takes a whole number" },
    { args: ["conformance", "a", "--concurrency", "1.5"], says: "--concurrency takes a whole number" },
    { args: ["conformance", "a", "--seeds", "0"], says: "--seeds takes a whole number" },
    { args: ["conformance", "a", "--seed", "1.5"], says: "--seed takes a whole number from 0" },
    { args: ["conformance", "a", "--seed", ""], says: "--seed takes a whole number from 0" },
    { args: ["conformance", "a", "--minutes", "0"], says: "--minutes takes a number" },
    { args: ["conformance", "a", "--minutes", "soon"], says: "--minutes takes a number" },
    { args: ["conformance", "a", "--format", "xml"], says: "--format takes one of pretty, json, tap, junit" },
    { args: ["conformance", "a", "--json", "--format", "tap"], says: "--json is --format json" },
  ])("$args is refused", ({ args, says }) => {
    expect(() => readCommand(args)).toThrow(UsageError);
    expect(() => readCommand(args)).toThrow(says);
  });

  test("what is not given has a default", () => {
    expect(readCommand(["conformance", "./a.mjs"])).toEqual({
      ...{ is: "run", module: "./a.mjs", typed: false, beside: false, bail: false, only: [] },
      ...{ timeoutMs: 20_000, concurrency: 4, format: "pretty", output: undefined },
    });
  });
});

test("random histories have a seed that is chosen before any process starts", () => {
  const read = (...args: string[]) => {
    const command = readCommand(["conformance", "./a.mjs", ...args]);
    return command.is === "run" ? command.histories : undefined;
  };
  expect(read("--seed", "0")).toEqual({ seed: 0 });
  expect(read("--seeds", "5", "--minutes", "0.5")).toEqual({
    seeds: 5,
    minutes: 0.5,
    seed: expect.any(Number),
  });
  expect(read("--beside")).toBeUndefined();
});

const REPORT: Report = {
  format: 1,
  harness: "mine & <yours>",
  mode: "plain",
  versions: { groundstate: "1.2.3", node: "20.19.0", runtime: "node 20.19.0" },
  ...{ passed: 1, failed: 1, skipped: 1, notRun: 0, milliseconds: 1234 },
  results: [
    { id: "save/a", rule: "A.", outcome: "passed", milliseconds: 1 },
    {
      ...{ id: "save/b", rule: "B.", outcome: "failed", milliseconds: 20 },
      error: { message: 'a < b\nand "c"\u0000\ud800' },
    },
    { id: "list/c", rule: "C.", outcome: "skipped", milliseconds: 0, reason: "it is # late" },
  ],
  notes: ["mind the gap"],
  stray: [{ message: "left alone", times: 2, cases: ["save/a"] }],
};

test("TAP", () => {
  expect(tapReport(REPORT)).toBe(
    [
      "TAP version 14",
      "1..4",
      "ok 1 - save/a",
      "not ok 2 - save/b",
      "  ---",
      "  message: |-",
      "    rule: B.",
      "    a < b",
      '    and "c"\ufffd\ufffd',
      "  ...",
      "ok 3 - list/c # SKIP it is \\# late",
      "not ok 4 - nobody handled this error, 2 times, in the course of save/a",
      "  ---",
      "  message: |-",
      "    left alone",
      "  ...",
      "# mind the gap",
      "# 1 passed, 1 failed, 1 skipped, 0 not run",
      "",
    ].join("\n"),
  );
});

test("JUnit", () => {
  const xml = junitReport(REPORT);
  expect(xml).toContain(
    '<testsuite name="conformance of mine &amp; &lt;yours&gt;" tests="4" failures="1" errors="1" skipped="1" time="1.234">',
  );
  expect(xml).toContain('<testcase classname="save" name="save/a" time="0.001"/>');
  expect(xml).toContain('<failure message="a &lt; b&#10;and &quot;c&quot;\ufffd\ufffd">rule: B.&#10;a');
  expect(xml).toContain('<skipped message="it is # late"/>');
  expect(xml).toContain('<error message="left alone">left alone</error>');
});

test.each([
  { actual: [1, 2, 3], expected: [1, 2, 4], says: "at [2]: expected 4, got 3 (3 entries, 3 expected)" },
  { actual: ["a"], expected: ["a", "b"], says: 'at [1]: expected "b", got nothing (1 entries, 2 expected)' },
  {
    actual: { a: { b: new Uint8Array(7) } },
    expected: { a: { b: new Uint8Array(9) } },
    says: "at a.b: expected 9 bytes, got 7 bytes",
  },
  {
    actual: Array.from({ length: 10_000 }, (_, index) => `${index}`),
    expected: [],
    says: 'at [0]: expected nothing, got "0" (10000 entries, 0 expected)',
  },
])("a failed comparison says where: $says", ({ actual, expected, says }) => {
  const { message } = failureOf(new AssertionError({ message: "the list", actual, expected }));
  expect(message).toBe(`the list: ${says}`);
});
