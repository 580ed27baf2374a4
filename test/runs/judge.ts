import type { Run, RunStep } from "../../src/runs/index.js";

/** What the store says about a run in the end, and what its workers said line by line. */
export interface RunAccount {
  readonly run: Run;
  readonly steps: readonly RunStep[];
  readonly lines: readonly string[];
}

/** What must not be in the account of a run. Empty if all is well. */
export function judge({ run, steps, lines }: RunAccount, stepsWanted: number): string[] {
  const wrong: string[] = [];
  const blame = (what: string) => wrong.push(`${run.id}: ${what}`);
  if (run.status !== "completed") blame(`it is ${run.status}`);
  const { fence } = (run.outcome?.result ?? {}) as { readonly fence?: number };
  if (fence !== run.claims) blame(`lease ${fence} completed it, and ${run.claims} was the latest`);
  if (run.usage.tokens !== stepsWanted) blame(`${run.usage.tokens} steps were counted`);
  if (steps.length !== stepsWanted) blame(`it has ${steps.length} steps`);
  const keptBy = new Map(steps.map((step) => [step.key, step.fence]));
  const completed = lines.filter((line) => /^told \d+ complete ok$/.test(line));
  if (completed.length > 1) blame(`completed ${completed.length} times`);

  let latest = 0;
  const kept = new Set<string>();
  /** Calls that were made when another lease had been given. */
  const late = new Set<string>();
  for (const line of lines) {
    const [word, number, what = "", answer] = line.split(" ");
    const fence = Number(number);
    if (word === "claimed") latest = Math.max(latest, fence);
    if (word === "kept") kept.add(what);
    if (word === "ran" && kept.has(what)) blame(`lease ${fence} ran ${what} again, which was kept`);
    if (word === "ran" && fence > (keptBy.get(what) ?? fence))
      blame(`lease ${fence} ran ${what} after it was kept`);
    if (word === "asks" && fence < latest) late.add(`${number} ${what}`);
    if (word === "told" && late.has(`${number} ${what}`) && answer !== "FENCED")
      blame(`lease ${fence} was told ${answer} for ${what}, and ${latest} was given before`);
  }
  return wrong;
}

/** How often it happened, so that a test knows that it tested something. */
export function tally(accounts: readonly RunAccount[]): {
  readonly takenOver: number;
  readonly fenced: number;
  readonly again: number;
} {
  const all = accounts.flatMap(({ lines }) => lines);
  return {
    takenOver: accounts.filter(({ run }) => run.claims > 1).length,
    fenced: all.filter((line) => line.endsWith("FENCED")).length,
    again: accounts.reduce(
      (sum, { lines, steps }) => sum + lines.filter((line) => line.startsWith("ran")).length - steps.length,
      0,
    ),
  };
}
