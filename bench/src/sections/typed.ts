import { forked } from "../entrant.js";
import { race } from "../race.js";
import { type Context, serverCpu } from "../section.js";
import { BARE_SAVES, TYPED_WORK } from "../typed-work/index.js";

const DRIVERS = ["sqlite", "postgres"] as const;
const SESSIONS = [1, 64];
const PAYLOAD = 256;

/** Calls of each wrapper beside as many bare saves: of one hot session, and of many. */
export async function typed(context: Context): Promise<void> {
  const { plan, findings } = context;
  for (const driver of DRIVERS) {
    const server = driver === "postgres" ? { url: (await context.postgres()).url } : {};
    for (const sessions of SESSIONS) {
      const folder = context.folder(`typed-${driver}-${sessions}`);
      findings.races.push(
        await race(
          {
            section: "typed",
            title: `Typed layer, ${driver === "sqlite" ? "SQLite" : "Postgres"}, ${sessions === 1 ? "one session" : `${sessions} sessions`}`,
            payloadBytes: PAYLOAD,
            reference: BARE_SAVES,
            entrants: Object.keys(TYPED_WORK).map((variant) =>
              forked(variant, "typed-calls", {
                folder,
                payloadBytes: PAYLOAD,
                variant,
                records: sessions,
                ...server,
              }),
            ),
            operations: ["call"],
            callers: [1, 8, 64],
            rounds: plan.rounds,
            ms: plan.ms,
            ...(await serverCpu(context, server.url)),
          },
          context.say,
        ),
      );
    }
  }
}
