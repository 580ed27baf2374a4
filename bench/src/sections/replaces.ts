import { runJob } from "../child-process.js";
import type { ReplacesInput } from "../jobs/replaces.js";
import type { Context } from "../section.js";

const LONGEST_MS = 10 * 60_000;

/** One event replaced very often, one call after another, as by a message that is streamed. */
export async function replaces(context: Context): Promise<void> {
  const { plan, findings, say } = context;
  say(`replaces: ${plan.replaces} on sqlite`);
  const input: ReplacesInput = {
    driver: "sqlite",
    name: "replaces",
    folder: context.folder("replaces"),
    count: plan.replaces,
  };
  findings.replaces.push(await runJob("replaces", input, LONGEST_MS));
}
