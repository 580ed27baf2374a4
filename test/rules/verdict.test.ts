import { expect, test } from "vitest";
import { StateError } from "../../src/contract/errors.js";
import { verdictOf } from "../../src/rules/batch-verdict.js";
import { isTransient } from "../../src/rules/transient.js";
import { unavailable, unknownOutcome } from "../store/store-rig.js";

const ERRORS = [
  [new Error("a driver's own"), "unknown", false],
  [unknownOutcome(), "unknown", false],
  [
    new StateError("OUTCOME_UNKNOWN", "retried", {
      details: { retries: { attempts: 3, milliseconds: 9 } },
      retryable: true,
    }),
    "unknown for good",
    false,
  ],
  [unavailable("refused"), "refused", false],
  [new StateError("CORRUPT", "damaged", { details: {} }), "refused", false],
  [unavailable("unreachable"), "unreachable", true],
  [unavailable("busy"), "unavailable", true],
  [unavailable("setup"), "unavailable", false],
] as const;

test("an error says what became of its batch, and whether its cause passes by itself", () => {
  expect(ERRORS.map(([error]) => [error, verdictOf(error), isTransient(error)])).toEqual(ERRORS);
});

test("of an error that a driver in JavaScript threw without details, the code alone counts", () => {
  for (const [code, verdict] of [
    ["OUTCOME_UNKNOWN", "unknown"],
    ["UNAVAILABLE", "unavailable"],
  ] as const) {
    const error = Object.assign(unavailable("busy"), { code, details: undefined });
    expect([verdictOf(error), isTransient(error)]).toEqual([verdict, false]);
  }
});
