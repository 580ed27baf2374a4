import { built } from "./built.js";

const { cases, mutants, referenceHarness, runConformance } = built;

/** Cases that take longer on the reference are left out: each mutant would meet them all. */
const QUICK_MS = 100;
/** How many cases a mutant meets before it is asked whether one has caught it. */
const AT_A_TIME = 55;

/**
 * The cases of which each mutant is caught by another quick case, too: what they ask is asked in passing elsewhere. Mutants over
 * processes, and those that another's data shows, are left out.
 */
export async function sharedCases(): Promise<readonly string[]> {
  const quick = await quickCases();
  const shared: string[] = [];
  for (const { id } of cases) {
    const own = mutants.filter(({ breaks, modulePath, beside }) => breaks === id && !modulePath && !beside);
    if (own.length > 0 && !(await someIsCaughtAlone(own, quick, id))) shared.push(id);
  }
  return shared;
}

async function quickCases(): Promise<readonly string[]> {
  const { results } = await runConformance(referenceHarness, { concurrency: 1 });
  return results
    .filter(({ outcome, milliseconds }) => outcome === "passed" && milliseconds < QUICK_MS)
    .toSorted((a, b) => a.milliseconds - b.milliseconds)
    .map(({ id }) => id);
}

async function someIsCaughtAlone(
  own: typeof mutants,
  quick: readonly string[],
  id: string,
): Promise<boolean> {
  for (const { harness } of own) if (!(await isCaughtElsewhere(harness, quick, id))) return true;
  return false;
}

async function isCaughtElsewhere(
  harness: (typeof mutants)[number]["harness"],
  quick: readonly string[],
  id: string,
): Promise<boolean> {
  for (let from = 0; from < quick.length; from += AT_A_TIME) {
    const only = quick.slice(from, from + AT_A_TIME).filter((each) => each !== id);
    const { results } = await runConformance(harness, { only });
    if (results.some((result) => result.outcome === "failed" && result.id !== id)) return true;
  }
  return false;
}
