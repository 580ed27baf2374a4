import { plainerNames } from "./plainer-names.js";
import type { Script } from "./script.js";
import { type ShrinkBudget, shortestFailing, simplestFailing } from "./shrink.js";
import { simplerSteps } from "./simpler-steps.js";

/** A script that still fails, with fewer steps, less in each of them and plainer names, as far as the budget allows. */
export async function simplestScript(
  script: Script,
  fails: (script: Script) => Promise<boolean>,
  budget: ShrinkBudget,
): Promise<Script> {
  const failWith = (steps: Script["steps"]) => fails({ ...script, steps });
  const shortest = await shortestFailing(script.steps, failWith, budget);
  let simplest = { ...script, steps: await simplestFailing(shortest, simplerSteps, failWith, budget) };
  for (const renamed of plainerNames) {
    const plainer = renamed(simplest);
    if (budget.spend() && (await fails(plainer))) simplest = plainer;
  }
  return simplest;
}
