import { runJob } from "../child-process.js";
import type { ClaimsInput, ClaimsResult } from "../jobs/claims.js";
import type { Context } from "../section.js";

const PROCESSES = 8;
const LONGEST_MS = 20 * 60_000;
/** Until all processes have opened their store. */
const OPENING_MS = 5_000;

/** How many runs several processes claim and complete from one queue, beside as many bare commits. */
export async function runs(context: Context): Promise<void> {
  const { plan, findings } = context;
  for (const driver of ["sqlite", "postgres"] as const) {
    context.say(`runs: ${plan.runs} on ${driver}, ${PROCESSES} processes`);
    const server = driver === "postgres" ? { url: (await context.postgres()).url } : {};
    const who = { tenant: `tenant-${Date.now()}`, user: "ada", session: "s" };
    const given = { driver, folder: context.folder(`runs-${driver}`), who, ...server };
    const ask = (work: ClaimsInput["work"], count: number, at = 0) =>
      runJob<ClaimsResult>("claims", { ...given, work, count, at } satisfies ClaimsInput, LONGEST_MS);
    const together = async (work: ClaimsInput["work"], count: number) => {
      const at = Date.now() + OPENING_MS;
      return rateOf(await Promise.all(Array.from({ length: PROCESSES }, () => ask(work, count, at))));
    };
    const { done: started, began, ended } = await ask("start", plan.runs);
    const claimed = await together("claim", 0);
    if (claimed.done !== plan.runs)
      throw new Error(`${claimed.done} runs of ${plan.runs} were claimed on ${driver}`);
    // As many commits as the claims and completions were.
    const bare = await together("commit", Math.ceil((2 * plan.runs) / PROCESSES));
    findings.runs.push({
      driver,
      processes: PROCESSES,
      runs: plan.runs,
      startedPerSecond: (started / Math.max(1, ended - began)) * 1_000,
      donePerSecond: claimed.perSecond,
      bareCommitsPerSecond: bare.perSecond,
    });
  }
}

function rateOf(results: readonly ClaimsResult[]): { readonly done: number; readonly perSecond: number } {
  const done = results.reduce((sum, result) => sum + result.done, 0);
  const began = Math.min(...results.map((result) => result.began));
  const ended = Math.max(...results.map((result) => result.ended));
  return { done, perSecond: (done / Math.max(1, ended - began)) * 1_000 };
}
