import { forked } from "../entrant.js";
import { eachDatabase } from "../fresh-store.js";
import { CONTENT_WORK } from "../kept/index.js";
import { CONTENT_OPERATIONS, CONTENTS } from "../kept/put-contents.js";
import { race } from "../race.js";
import { type Context, serverCpu } from "../section.js";

/** More of them would only hold more of the large contents in memory. */
const MOST_CALLERS = 8;

/** Content of artifacts beside bare saves and loads of as many bytes. */
export async function artifacts(context: Context): Promise<void> {
  const { plan, findings, say } = context;
  const payloadBytes = CONTENTS["64 KiB"];
  for await (const place of eachDatabase(context, "artifacts")) {
    findings.races.push(
      await race(
        {
          section: "artifacts",
          title: `Artifacts, ${place.driver === "sqlite" ? "SQLite" : "Postgres"}`,
          payloadBytes,
          reference: Object.keys(CONTENT_WORK)[0] as string,
          entrants: Object.keys(CONTENT_WORK).map((variant) =>
            forked(variant, "kept-calls", { ...place, payloadBytes, variant }),
          ),
          operations: CONTENT_OPERATIONS,
          callers: plan.wrapperCallers.map((callers) => Math.min(callers, MOST_CALLERS)),
          rounds: plan.rounds,
          ms: plan.ms,
          ...(await serverCpu(context, place.url)),
        },
        say,
      ),
    );
  }
}
