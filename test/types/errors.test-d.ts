import { describe, expectTypeOf, test } from "vitest";
import "../../src/approvals/index.js";
import "../../src/tool-calls/index.js";
import "../../src/ledger/index.js";
import "../../src/runs/index.js";
import "../../src/sessions/index.js";
import {
  type Expect,
  type Identity,
  isStateError,
  type Retries,
  StateError,
  type StateErrorCode,
  type UnavailableReason,
} from "../../src/index.js";

// Compiled by types.test.ts; nothing of it is carried out.
declare const caught: unknown;
const checked = (_: () => unknown): void => {};

describe("a code", () => {
  test("narrows the details of an error", () => {
    checked(() => {
      if (isStateError(caught, "UNAVAILABLE")) {
        expectTypeOf(caught.code).toEqualTypeOf<"UNAVAILABLE">();
        expectTypeOf(caught.details.reason).toEqualTypeOf<UnavailableReason>();
        expectTypeOf(caught.details.retries).toEqualTypeOf<Retries | undefined>();
        // @ts-expect-error: that belongs to another code
        caught.details.current;
      }
      if (isStateError(caught, "CONDITION_FAILED")) {
        expectTypeOf(caught.details.current).toEqualTypeOf<Expect>();
        expectTypeOf(caught.details.identity).toEqualTypeOf<Identity>();
      }
      // @ts-expect-error: there is no such code
      isStateError(caught, "NOT_FUOND");
    });
  });

  test("tells errors apart in a switch, which the compiler sees to the end", () => {
    checked(() => {
      if (!isStateError(caught)) return;
      switch (caught.code) {
        case "SCHEMA_TOO_NEW":
          expectTypeOf(caught.details).toEqualTypeOf<{
            readonly found: number;
            readonly supported: number;
          }>();
          break;
        case "CORRUPT":
          expectTypeOf(caught.details.at?.kind).toEqualTypeOf<string | undefined>();
          break;
        default:
          expectTypeOf(caught.code).not.toEqualTypeOf<StateErrorCode>();
      }
    });
  });

  test("of a wrapper joins those of the store", () => {
    checked(() => {
      if (isStateError(caught, "BUDGET_EXCEEDED"))
        expectTypeOf(caught.details.unit).toEqualTypeOf<"tokens" | "cost" | "calls" | `units.${string}`>();
      if (isStateError(caught, "SESSION_CLOSED")) expectTypeOf(caught.details.closedAt).toEqualTypeOf<Date>();
      if (isStateError(caught, "ALREADY_DECIDED"))
        expectTypeOf(caught.details.winner.by).toEqualTypeOf<string>();
    });
  });

  test("says which details a new error needs", () => {
    checked(() => {
      new StateError("UNAVAILABLE", "the disk is full", { details: { reason: "refused" } });
      // @ts-expect-error: a reason is one of four words
      new StateError("UNAVAILABLE", "the disk is full", { details: { reason: "full" } });
      // @ts-expect-error: details are never left out
      new StateError("UNAVAILABLE", "the disk is full", {});
      new StateError("NOT_FOUND", "nothing", { details: {} });
    });
  });
});
