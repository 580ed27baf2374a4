import { runJob } from "../child-process.js";
import { eachDriver } from "../fresh-store.js";
import type { Context } from "../section.js";

const LONGEST_MS = 15 * 60_000;

/** What a tenant feels of floods of another. */
export async function neighbours(context: Context): Promise<void> {
  const { plan, findings } = context;
  for await (const place of eachDriver(context, "neighbours")) {
    context.say(`neighbours: ${place.driver}`);
    const input = { ...place, ...plan.neighbours };
    findings.neighbours.push(...(await runJob<typeof findings.neighbours>("neighbours", input, LONGEST_MS)));
  }
}
