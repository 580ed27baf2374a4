import { runJob } from "../child-process.js";
import { eachDatabase } from "../fresh-store.js";
import type { RetainedInput } from "../jobs/apply-retention.js";
import type { Context } from "../section.js";

const LONGEST_MS = 30 * 60_000;

/** What a tenant feels while retention removes what is old of another, and how much memory that takes. */
export async function retention(context: Context): Promise<void> {
  const { plan, findings, say } = context;
  for await (const place of eachDatabase(context, "retention")) {
    const input: RetainedInput = { ...place, calls: plan.retained };
    say(`retention: filling ${plan.retained} calls on ${place.driver}`);
    await runJob("fill-retained", input, LONGEST_MS);
    say(`retention: applying it on ${place.driver}`);
    findings.retentions.push(await runJob("apply-retention", input, LONGEST_MS));
  }
}
