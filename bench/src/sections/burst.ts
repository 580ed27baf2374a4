import { runJob } from "../child-process.js";
import type { Context } from "../section.js";

const LONGEST_MS = 10 * 60_000;

/** Very many saves asked for in one go. */
export async function burst(context: Context): Promise<void> {
  const { plan, findings } = context;
  for (const driver of ["memory", "sqlite", "postgres"] as const) {
    context.say(`burst: ${plan.burst} saves on ${driver}`);
    const server = driver === "postgres" ? { url: (await context.postgres()).url } : {};
    const input = { driver, folder: context.folder(`burst-${driver}`), saves: plan.burst, ...server };
    findings.bursts.push(await runJob("burst", input, LONGEST_MS));
  }
}
