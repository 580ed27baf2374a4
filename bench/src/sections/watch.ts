import { runJob } from "../child-process.js";
import type { WatchInput } from "../jobs/watch.js";
import type { SeenChanges, WaitingCost } from "../results.js";
import type { Context } from "../section.js";

const LONGEST_MS = 10 * 60_000;

/** What many waiters cost, and how soon a change of another store is seen. */
export async function watch(context: Context): Promise<void> {
  const { plan, findings } = context;
  const { url } = await context.postgres();
  const places = [
    { driver: "sqlite", notify: false },
    { driver: "postgres", notify: false, url },
    { driver: "postgres", notify: true, url },
  ] as const;
  for (const place of places) {
    context.say(`watch: ${place.driver}${place.notify ? " with notify" : ""}`);
    const input: WatchInput = {
      ...place,
      folder: context.folder(`watch-${place.driver}-${place.notify}`),
      ...plan.watch,
    };
    const { costs, seen } = await runJob<{ costs: WaitingCost[]; seen: SeenChanges }>(
      "watch",
      input,
      LONGEST_MS,
    );
    findings.waitingCosts.push(...costs);
    findings.seenChanges.push(seen);
  }
}
