import fc from "fast-check";
import { unavailable, unknownOutcome } from "../store/store-rig.js";

/** What becomes of a call of a driver: whether it took effect, and whether it says so. */
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

/** Most often a good one. */
export const callOutcome = fc.oneof(
  { weight: 5, arbitrary: fc.constant<CallOutcome>("done") },
  fc.constantFrom(...CALL_OUTCOMES),
);

export function takesEffect(callOutcome: CallOutcome): boolean {
  return callOutcome.startsWith("done");
}

/** Throws what the caller gets to see of a bad one. */
export function fail(callOutcome: CallOutcome): void {
  if (callOutcome === "refused" || callOutcome === "unreachable") throw unavailable(callOutcome);
  if (callOutcome.endsWith("lost")) throw unknownOutcome();
  if (callOutcome.endsWith("raw")) throw new Error("raw");
}
