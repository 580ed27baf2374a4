import { runJob } from "../child-process.js";
import { eachDriver } from "../fresh-store.js";
import type { GrownCheckpointsInput, GrownCheckpointsResult } from "../jobs/grown-checkpoints.js";
import type { Context } from "../section.js";

const LONGEST_MS = 30 * 60_000;

/** What calls on checkpoints take in small and in large sessions. */
export async function checkpoints(context: Context): Promise<void> {
  const { plan, findings, say } = context;
  for (const size of plan.checkpoints)
    for await (const place of eachDriver(context, `checkpoints_${size}`)) {
      if (place.driver === "memory") continue;
      say(`checkpoints: ${size} on ${place.driver}`);
      const input: GrownCheckpointsInput = { ...place, size };
      const calls = await runJob<GrownCheckpointsResult[]>("grown-checkpoints", input, LONGEST_MS);
      findings.checkpoints.push({ driver: place.driver, size, calls });
    }
}
