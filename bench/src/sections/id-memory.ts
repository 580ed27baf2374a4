import { runJob } from "../child-process.js";
import { eachDriver } from "../fresh-store.js";
import type { Context } from "../section.js";

const LONGEST_MS = 5 * 60_000;

/** What a save leaves behind so that a late retry of it is recognised. */
export async function idMemory(context: Context): Promise<void> {
  const { plan, findings } = context;
  for await (const place of eachDriver(context, "id_memory")) {
    if (place.driver === "memory") continue;
    context.say(`id-memory: ${plan.remembered} saves on ${place.driver}`);
    findings.idMemory.push(await runJob("id-memory", { place, saves: plan.remembered }, LONGEST_MS));
  }
}
