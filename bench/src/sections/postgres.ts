import { type Entrant, forked } from "../entrant.js";
import { ENTRANT } from "../names.js";
import { findPgbench, pgbench, pgbenchVersion } from "../pgbench.js";
import { race } from "../race.js";
import type { Context } from "../section.js";

/** Saves and loads in Postgres, beside `pgbench`, the raw client and other stores. */
export async function postgres(context: Context): Promise<void> {
  const { plan, findings } = context;
  const { url, cpu: serverCpu } = await context.postgres();
  const program = findPgbench();
  if (program === undefined) {
    findings.skipped.push({ what: "pgbench", why: "it is neither in the path nor where Debian puts it" });
  } else {
    findings.settings.set("pgbench", await pgbenchVersion(program));
  }
  for (const payloadBytes of plan.payloads) {
    findings.races.push(
      await race(
        {
          section: "postgres",
          title: `Postgres, ${payloadBytes} bytes`,
          payloadBytes,
          reference: ENTRANT.postgresTen,
          entrants: entrants(context, url, program, payloadBytes),
          operations: ["save", "load"],
          callers: plan.postgresCallers,
          rounds: plan.rounds,
          ms: plan.ms,
          serverCpu,
        },
        context.say,
      ),
    );
  }
}

function entrants(
  context: Context,
  url: string,
  program: string | undefined,
  payloadBytes: number,
): Entrant[] {
  const folder = context.folder(`postgres-${payloadBytes}`);
  const entrant = (name: string, module: string, variant = "", rest = {}): Entrant =>
    forked(name, module, { folder, payloadBytes, url, variant }, rest);
  const seconds = context.plan.pgbenchSeconds;
  const server =
    program === undefined
      ? []
      : [pgbench({ name: ENTRANT.pgbench, program, url, folder, payloadBytes, seconds })];
  return [
    ...server,
    entrant(ENTRANT.postgresTen, "postgres-raw", "10"),
    entrant(ENTRANT.postgresOne, "postgres-raw", "1", { only: { callers: [1] } }),
    entrant(ENTRANT.floor, "postgres-floor"),
    entrant(ENTRANT.keyv, "postgres-keyv"),
    entrant(ENTRANT.langgraph, "postgres-langgraph"),
  ];
}
