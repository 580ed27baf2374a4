import fc from "fast-check";
import { unavailable, unknownOutcome } from "../store/store-rig.js";

/** What becomes of a call of a driver: whether it took effect, and whether it says so. */
export const FATES = [
  "done",
  "refused",
  "unreachable",
  "lost",
  "done-but-lost",
  "raw",
  "done-but-raw",
] as const;
export type Fate = (typeof FATES)[number];

/** Most often a good one. */
export const fate = fc.oneof({ weight: 5, arbitrary: fc.constant<Fate>("done") }, fc.constantFrom(...FATES));

export function takesEffect(fate: Fate): boolean {
  return fate.startsWith("done");
}

/** Throws what the caller gets to see of a bad one. */
export function fail(fate: Fate): void {
  if (fate === "refused" || fate === "unreachable") throw unavailable(fate);
  if (fate.endsWith("lost")) throw unknownOutcome();
  if (fate.endsWith("raw")) throw new Error("raw");
}
