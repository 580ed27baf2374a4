import { isSoak } from "../soak.js";

/**
 * The cases of a run that repeats what other runs show of the same driver: what lies beside, or which thread writes, changes
 * little for the rest, which is left to the soak.
 */
export const SOME_CASES: { readonly only?: readonly string[] } = isSoak
  ? {}
  : { only: ["isolation/", "erase", "list-kind/", "commit/"] };
