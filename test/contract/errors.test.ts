import { inspect } from "node:util";
import { expect, expectTypeOf, test } from "vitest";
import { invalid, isStateError, StateError, wrongType } from "../../src/contract/errors.js";

test("an error has a name, a code, its details and a stack, and a cause only if there is one", () => {
  const cause = new Error("below");
  const error = new StateError("UNAVAILABLE", "busy", { details: { reason: "busy" }, cause });
  expect(error).toBeInstanceOf(Error);
  expect([error.name, error.code, error.message, error.details, error.cause]).toEqual([
    "StateError",
    "UNAVAILABLE",
    "busy",
    { reason: "busy" },
    cause,
  ]);
  expect(inspect(error)).toContain("errors.test.ts");
  expect("cause" in new StateError("NOT_FOUND", "nothing", { details: {} })).toBe(false);
});

test("an error is printed with its name and its code first", () => {
  class Kind extends StateError<"UNAVAILABLE"> {}
  for (const Class of [StateError, Kind]) {
    const error = new Class("UNAVAILABLE", "busy", { details: { reason: "busy" } });
    for (const shown of [String(error), error.stack, inspect(error)]) {
      expect(shown?.split("\n")[0]).toBe("StateError [UNAVAILABLE]: busy");
    }
  }
});

test("only UNAVAILABLE is retryable by default", () => {
  const unavailable = new StateError("UNAVAILABLE", "busy", { details: { reason: "busy" } });
  const unknown = new StateError("OUTCOME_UNKNOWN", "lost", { details: {} });
  const retryable = new StateError("OUTCOME_UNKNOWN", "lost", { details: {}, retryable: true });
  expect([unavailable.retryable, unknown.retryable, retryable.retryable]).toEqual([true, false, true]);
});

test("isStateError narrows the details, by the code or by the type", () => {
  const error: unknown = new StateError("CONDITION_FAILED", "no", {
    details: { change: 0, identity: { tenant: "t", user: "u", session: "s" }, kind: "k", current: null },
  });
  if (!isStateError(error)) throw new Error("it is one");
  if (error.code === "CONDITION_FAILED") expectTypeOf(error.details.current).toEqualTypeOf<string | null>();
  if (isStateError(error, "IDEMPOTENCY_CONFLICT")) expectTypeOf(error.details.change).toEqualTypeOf<number>();
  expect(isStateError(error, "CONDITION_FAILED")).toBe(true);
});

test("an invalid argument is named with its rule, and its value never shown", () => {
  expect(invalid("kind", "a string")).toMatchObject({
    code: "INVALID_RECORD",
    message: "kind must be a string",
    details: { field: "kind", rule: "a string" },
    retryable: false,
  });
});

test("for a value of the wrong type the message names that type", () => {
  class Money {}
  const met = (value: unknown) =>
    wrongType("x", "a string", value).message.replace("x must be a string, not ", "");
  expect(met(undefined)).toBe("undefined: give it a value, or leave it out if it is optional");
  expect([null, 7, Number.NaN, 7n, true, () => 7, Symbol("s")].map(met)).toEqual([
    "null",
    "a number",
    "NaN",
    "a bigint",
    "a boolean",
    "a function",
    "a symbol",
  ]);
  expect([[], {}, Object.create(null), new Date(), new Map(), new Error(), new Money()].map(met)).toEqual([
    "an array",
    "an object",
    "an object",
    "a Date",
    "a Map",
    "an Error",
    "a Money",
  ]);
  expect(met(Promise.resolve())).toBe("a Promise (await it)");
  const named = Object.defineProperty(class {}, "name", { value: "hunter 2" });
  expect(met(new named())).toBe("an object");
});
