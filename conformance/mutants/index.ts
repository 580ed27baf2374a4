import { answerMutants } from "./answer-mutants.js";
import { besideMutants } from "./beside-mutants.js";
import { commitMutants } from "./commit-mutants.js";
import { conditionMutants } from "./condition-mutants.js";
import { cornerMutants } from "./corner-mutants.js";
import { damageMutants } from "./damage-mutants.js";
import { durabilityMutants } from "./durability-mutants.js";
import { eraseMutants } from "./erase-mutants.js";
import { erasePrefixMutants } from "./erase-prefix-mutants.js";
import { eventMutants } from "./event-mutants.js";
import { eventOrderMutants } from "./event-order-mutants.js";
import { freshMutants } from "./fresh-mutants.js";
import { largeEraseMutants } from "./large-erase-mutants.js";
import { lenientMutants } from "./lenient-mutants.js";
import { listingMutants } from "./listing-mutants.js";
import { memoryMutants } from "./memory-mutants.js";
import type { Mutant } from "./mutant.js";
import { nameMutants } from "./name-mutants.js";
import { neighbourMutants } from "./neighbour-mutants.js";
import { processMutants } from "./process-mutants.js";
import { recordMutants } from "./record-mutants.js";
import { scanMutants } from "./scan-mutants.js";
import { sizeMutants } from "./size-mutants.js";
import { stateMutants } from "./state-mutants.js";
import { statusMutants } from "./status-mutants.js";
import { storeMutants } from "./store-mutants.js";
import { storesMutants } from "./stores-mutants.js";
import { timingMutants } from "./timing-mutants.js";
import { watchMutants } from "./watch-mutants.js";

export { exclusiveReference, fileReference } from "./process-mutants.js";
export { typedMutants } from "./typed-mutants.js";
export type { Mutant };

/** Stores that are each wrong in one rule. The suite is worth what it catches. */
export const mutants: readonly Mutant[] = [
  ...eventMutants,
  ...cornerMutants,
  ...memoryMutants,
  ...eventOrderMutants,
  ...conditionMutants,
  ...commitMutants,
  ...recordMutants,
  ...nameMutants,
  ...scanMutants,
  ...listingMutants,
  ...eraseMutants,
  ...largeEraseMutants,
  ...erasePrefixMutants,
  ...durabilityMutants,
  ...damageMutants,
  ...storesMutants,
  ...freshMutants,
  ...sizeMutants,
  ...stateMutants,
  ...lenientMutants,
  ...answerMutants,
  ...storeMutants,
  ...timingMutants,
  ...watchMutants,
  ...statusMutants,
  ...neighbourMutants,
  ...besideMutants,
  ...processMutants,
];
