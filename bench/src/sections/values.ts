import { runJob } from "../child-process.js";
import { forked } from "../entrant.js";
import { eachDatabase } from "../fresh-store.js";
import type { CleanupInput } from "../jobs/cleanup.js";
import { VALUE_WORK } from "../kept/index.js";
import { race } from "../race.js";
import { type Context, serverCpu } from "../section.js";

const USERS = 64;
const PAYLOAD = 256;
const LONGEST_MS = 10 * 60_000;

/** Facts, values with a time to live and occurrences of schedules beside bare saves and loads; and what cleaning up costs. */
export async function values(context: Context): Promise<void> {
  const { plan, findings, say } = context;
  for await (const place of eachDatabase(context, "values")) {
    findings.races.push(
      await race(
        {
          section: "values",
          title: `Values of ${USERS} users, ${place.driver === "sqlite" ? "SQLite" : "Postgres"}`,
          payloadBytes: PAYLOAD,
          reference: Object.keys(VALUE_WORK)[0] as string,
          entrants: Object.keys(VALUE_WORK).map((variant) =>
            forked(variant, "kept-calls", { ...place, payloadBytes: PAYLOAD, variant, records: USERS }),
          ),
          operations: ["write", "read"],
          callers: plan.wrapperCallers,
          rounds: plan.rounds,
          ms: plan.ms,
          ...(await serverCpu(context, place.url)),
        },
        say,
      ),
    );
    say(`values: cleanup on ${place.driver}`);
    const input: CleanupInput = { ...place, name: "cleanup", values: plan.cleanup, rounds: plan.rounds };
    findings.cleanups.push(await runJob("cleanup", input, LONGEST_MS));
  }
}
