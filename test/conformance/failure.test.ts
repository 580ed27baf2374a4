import assert from "node:assert/strict";
import { describe, expect, test } from "vitest";
import { errorOf, failureLines, failureOf } from "../../conformance/harness/failure.js";

const underneath = () => new TypeError("no such column");

describe("a failure", () => {
  test("says every message of the chain, and where the innermost error was thrown", () => {
    const error = new Error("the driver failed", { cause: new Error("wrapped", { cause: underneath() }) });
    const lines = failureLines(failureOf(error));
    expect(lines.slice(0, 3)).toEqual([
      "the driver failed",
      "caused by: wrapped",
      "caused by: TypeError: no such column",
    ]);
    expect(lines[3]).toMatch(/^ {4}at underneath .*failure\.test\.ts/);
    expect(lines.length).toBeLessThanOrEqual(3 + 4);
  });

  test("says an error's code", () => {
    const error = Object.assign(new Error("no such file"), { code: "ENOENT" });
    expect(failureLines(failureOf(error))[0]).toBe("Error ENOENT: no such file");
  });

  test("says of many errors at once the first", () => {
    const error = new AggregateError([underneath(), underneath()], "both addresses");
    expect(failureLines(failureOf(error))[1]).toBe("caused by: TypeError: no such column");
  });

  test("may be anything", () => {
    expect(failureOf({ reason: "none" })).toEqual({ message: "{ reason: 'none' }" });
    expect(failureOf(undefined)).toEqual({ message: "undefined" });
  });

  test("is bounded, in its messages and in the length of its chain", () => {
    const endless = new Error("x".repeat(100_000));
    endless.cause = endless;
    const failure = failureOf(endless);
    expect(JSON.stringify(failure).length).toBeLessThan(100_000);
    expect(failureLines(failure).length).toBeLessThan(20);
  });

  test("crosses to another process as an error that says the same", () => {
    const failure = failureOf(new assert.AssertionError({ message: "broken" }));
    const whole = failureOf(new Error("outer", { cause: underneath() }));
    for (const each of [failure, whole]) expect(failureOf(errorOf(structuredClone(each)))).toEqual(each);
  });
});
