import fc from "fast-check";
import { unavailable, unknownOutcome } from "../store/store-rig.js";

/** The ways in which a call of a driver may end: whether it took effect, and whether it says so. */
export const CALL_OUTCOMES = [
  "done",
  "refused",
  "unreachable",
  "lost",
  "done-but-lost",
  "raw",
  "done-but-raw",
] as const;
export type CallOutcome = (typeof CALL_OUTCOMES)[number];

/** Mostly `done`. */
export const callOutcome = fc.oneof(
  { weight: 5, arbitrary: fc.constant<CallOutcome>("done") },
  fc.constantFrom(...CALL_OUTCOMES),
);

export function takesEffect(callOutcome: CallOutcome): boolean {
  return callOutcome.startsWith("done");
}

/** Throws the error that the caller gets, unless the outcome is `done`. */
export function fail(callOutcome: CallOutcome): void {
  if (callOutcome === "refused" || callOutcome === "unreachable") throw unavailable(callOutcome);
  if (callOutcome.endsWith("lost")) throw unknownOutcome();
  if (callOutcome.endsWith("raw")) throw new Error("raw");
}
