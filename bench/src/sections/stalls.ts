import { runJob } from "../child-process.js";
import { eachDriver } from "../fresh-store.js";
import type { Context } from "../section.js";

const LONGEST_MS = 15 * 60_000;

/** How long operations keep the event loop to themselves. */
export async function stalls(context: Context): Promise<void> {
  const { plan, findings } = context;
  for await (const place of eachDriver(context, "stalls")) {
    context.say(`stalls: ${place.driver}`);
    const input = { ...place, ...plan.stalls };
    findings.stalls.push(...(await runJob<typeof findings.stalls>("stalls", input, LONGEST_MS)));
  }
}
