import { forked } from "../entrant.js";
import { ENTRANT } from "../names.js";
import { race } from "../race.js";
import { type Context, serverCpu } from "../section.js";

const DRIVERS = ["sqlite", "postgres"] as const;
const PAYLOAD = 256;

const ENTRANTS = [
  [ENTRANT.lookups, "lookups"],
  [ENTRANT.checks, "checks"],
  [ENTRANT.saveAlone, "alone"],
  [ENTRANT.fiveSaves, "saves"],
] as const;

/** What a check in a commit costs beside a lookup: a save alone, with four of either, and with four more saves. */
export async function checks(context: Context): Promise<void> {
  const { plan, findings } = context;
  for (const driver of DRIVERS) {
    const server = driver === "postgres" ? { url: (await context.postgres()).url } : {};
    findings.races.push(
      await race(
        {
          section: "checks",
          title: `A save with four checks, ${driver === "sqlite" ? "SQLite" : "Postgres"}`,
          payloadBytes: PAYLOAD,
          reference: ENTRANT.lookups,
          entrants: ENTRANTS.map(([name, variant]) =>
            forked(name, "floor-checks", {
              folder: context.folder(`checks-${driver}-${variant}`),
              payloadBytes: PAYLOAD,
              driver,
              variant,
              ...server,
            }),
          ),
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
