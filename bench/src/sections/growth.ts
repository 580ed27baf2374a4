import { type Entrant, forked } from "../entrant.js";
import { race } from "../race.js";
import { type Context, serverCpu } from "../section.js";

const DRIVERS = ["sqlite", "postgres"] as const;
const PAYLOAD = 256;

/** The same operations on databases of different sizes. */
export async function growth(context: Context): Promise<void> {
  const { plan, findings } = context;
  for (const driver of DRIVERS) {
    const entrants: Entrant[] = [];
    let url: string | undefined;
    for (const records of plan.sizes) {
      context.say(`growth: filling ${records} records on ${driver}`);
      const filled = await context.filled(driver, records);
      url = filled.url;
      entrants.push(forked(sizeName(records), "grown-floor", { ...filled, payloadBytes: PAYLOAD, driver }));
    }
    findings.races.push(
      await race(
        {
          section: "growth",
          title: `Growth, ${driver === "sqlite" ? "SQLite" : "Postgres"}`,
          payloadBytes: PAYLOAD,
          reference: sizeName(plan.sizes[0]),
          entrants,
          operations: ["save", "load", "list", "listKind"],
          callers: [1, 64],
          rounds: plan.rounds,
          ms: plan.ms,
          ...(await serverCpu(context, url)),
        },
        context.say,
      ),
    );
  }
}

export function sizeName(records: number): string {
  return `Groundstate, ${records} records`;
}
