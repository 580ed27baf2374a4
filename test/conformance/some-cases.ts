import { isSoak } from "../soak.js";

/** What reaches beyond one slot, where another's data could be hit. Cases on isolation bring neighbours of their own. */
const BESIDE = ["erase", "list-kind/", "commit/"];

/**
 * The cases of a run that repeats what other runs show of the same driver: what lies beside changes little for the rest, which
 * is left to the soak.
 */
export const SOME_CASES: { readonly only?: readonly string[] } = isSoak ? {} : { only: BESIDE };

/** The same where another thread writes, too. */
export const SOME_CASES_INLINE: { readonly only?: readonly string[] } = isSoak
  ? {}
  : { only: [...BESIDE, "isolation/"] };
