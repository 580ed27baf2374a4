import { runJob } from "../child-process.js";
import { forked } from "../entrant.js";
import { eachDatabase } from "../fresh-store.js";
import type { SearchMemoriesInput } from "../jobs/search-memories.js";
import { MEMORY_WORK } from "../kept/index.js";
import { race } from "../race.js";
import { type Context, serverCpu } from "../section.js";

const USERS = 64;
const PAYLOAD = 256;
const LONGEST_MS = 20 * 60_000;

/** Memories added beside bare saves, and what a search takes among many of a user. */
export async function memories(context: Context): Promise<void> {
  const { plan, findings, say } = context;
  for await (const place of eachDatabase(context, "memories")) {
    findings.races.push(
      await race(
        {
          section: "memories",
          title: `Memories of ${USERS} users, ${place.driver === "sqlite" ? "SQLite" : "Postgres"}`,
          payloadBytes: PAYLOAD,
          reference: Object.keys(MEMORY_WORK)[0] as string,
          entrants: Object.keys(MEMORY_WORK).map((variant) =>
            forked(variant, "kept-calls", { ...place, payloadBytes: PAYLOAD, variant, records: USERS }),
          ),
          operations: ["write"],
          callers: plan.wrapperCallers,
          rounds: plan.rounds,
          ms: plan.ms,
          ...(await serverCpu(context, place.url)),
        },
        say,
      ),
    );
    say(`memories: search among ${plan.memories.count} on ${place.driver}`);
    const input: SearchMemoriesInput = { ...place, name: "searched", ...plan.memories };
    findings.searches.push(...(await runJob<typeof findings.searches>("search-memories", input, LONGEST_MS)));
  }
}
