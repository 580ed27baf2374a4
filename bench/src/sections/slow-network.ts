import { openDelayedLine } from "../delayed-line.js";
import { forked } from "../entrant.js";
import { ENTRANT } from "../names.js";
import { race } from "../race.js";
import { type Context, serverCpu } from "../section.js";

/** Added to each round trip. */
const DELAYS_MS = [0.5, 5];
const PAYLOAD = 256;

/** Saves on Postgres over a line that takes longer, beside the raw client on the same line. */
export async function slowNetwork(context: Context): Promise<void> {
  const { plan, findings } = context;
  const { url } = await context.postgres();
  for (const delayMs of DELAYS_MS) {
    const line = await openDelayedLine(url, delayMs / 2);
    const setting = {
      folder: context.folder(`slow-network-${delayMs}`),
      payloadBytes: PAYLOAD,
      url: line.url,
    };
    try {
      findings.races.push(
        await race(
          {
            section: "slow-network",
            title: `Postgres, ${delayMs} ms added per round trip`,
            payloadBytes: PAYLOAD,
            reference: ENTRANT.postgresTen,
            entrants: [
              forked(ENTRANT.postgresTen, "postgres-raw", { ...setting, variant: "10" }),
              forked(
                ENTRANT.postgresOne,
                "postgres-raw",
                { ...setting, variant: "1" },
                { only: { callers: [1] } },
              ),
              forked(ENTRANT.floor, "postgres-floor", setting),
            ],
            operations: ["save"],
            callers: [1, 64],
            rounds: plan.rounds,
            ms: plan.ms,
            ...(await serverCpu(context, url)),
          },
          context.say,
        ),
      );
    } finally {
      line.close();
    }
  }
}
