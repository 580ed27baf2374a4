import { forked } from "../entrant.js";
import { ENTRANT } from "../names.js";
import { race } from "../race.js";
import { type Context, serverCpu } from "../section.js";

const DRIVERS = ["sqlite", "postgres"] as const;
const PAYLOAD = 256;

/** The same five writes of a session, as five saves at once and as one commit. */
export async function commits(context: Context): Promise<void> {
  const { plan, findings } = context;
  for (const driver of DRIVERS) {
    const server = driver === "postgres" ? { url: (await context.postgres()).url } : {};
    const entrant = (name: string, variant: "single" | "commit") =>
      forked(name, "floor-writes", {
        folder: context.folder(`commits-${driver}-${variant}`),
        payloadBytes: PAYLOAD,
        driver,
        variant,
        ...server,
      });
    findings.races.push(
      await race(
        {
          section: "commits",
          title: `Commits of 5 writes, ${driver === "sqlite" ? "SQLite" : "Postgres"}`,
          payloadBytes: PAYLOAD,
          reference: ENTRANT.singleSaves,
          entrants: [entrant(ENTRANT.singleSaves, "single"), entrant(ENTRANT.commits, "commit")],
          operations: ["write"],
          callers: [1, 64],
          rounds: plan.rounds,
          ms: plan.ms,
          ...(await serverCpu(context, server.url)),
        },
        context.say,
      ),
    );
  }
}
