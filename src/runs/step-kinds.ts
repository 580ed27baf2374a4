import { digestOf, itemPrefix } from "../typed/names.js";

/** The collections of the steps of runs: by their key, by their place, and their results. */
export const STEP_KINDS = { step: "run.step", place: "run.place", result: "run.result" } as const;

/** The prefixes of the kinds under which the steps of a run are stored. */
export function stepPrefixes(runId: string): string[] {
  return Object.values(STEP_KINDS).map((name) => itemPrefix(name) + stepPrefix(runId));
}

/** The prefix of the kinds under which the results of a run's steps are stored. */
export function resultPrefix(runId: string): string {
  return itemPrefix(STEP_KINDS.result) + stepPrefix(runId);
}

/** What the ids of a run's steps begin with in each collection. */
export function stepPrefix(runId: string): string {
  return `${digestOf(runId)}/`;
}
