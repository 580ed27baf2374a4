import { commitMutants } from "./commit-mutants.js";
import { eventMutants } from "./event-mutants.js";
import type { Mutant } from "./mutant.js";
import { nameMutants } from "./name-mutants.js";
import { processMutants } from "./process-mutants.js";
import { scanMutants } from "./scan-mutants.js";
import { storeMutants } from "./store-mutants.js";

export { fileReference } from "./process-mutants.js";
export type { Mutant };

/** Stores that are each wrong in one rule. The suite is worth what it catches. */
export const mutants: readonly Mutant[] = [
  ...eventMutants,
  ...commitMutants,
  ...nameMutants,
  ...scanMutants,
  ...storeMutants,
  ...processMutants,
];
