import { inspect } from "node:util";
import { expect, expectTypeOf, test } from "vitest";
import { invalid, isStateError, StateError } from "../../src/errors.js";

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
  expect(String(error)).toBe("StateError: busy");
  expect(inspect(error)).toContain("errors.test.ts");
  expect("cause" in new StateError("NOT_FOUND", "nothing", { details: {} })).toBe(false);
});

test("only UNAVAILABLE is retryable of itself", () => {
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

test("a bad argument is named with its rule, and never shown", () => {
  expect(invalid("kind", "a string")).toMatchObject({
    code: "INVALID_RECORD",
    message: "kind must be a string",
    details: { field: "kind", rule: "a string" },
    retryable: false,
  });
});
