import { runJob } from "../child-process.js";
import { forked } from "../entrant.js";
import { ENTRANT } from "../names.js";
import { race } from "../race.js";
import { type Context, serverCpu } from "../section.js";

const DRIVERS = ["sqlite", "postgres"] as const;
const OPERATIONS = [
  "listKind, one tenant",
  "listKind, all tenants",
  "scanKind, one tenant",
  "scanKind, all tenants",
];
const PAYLOAD = 256;
const SCAN_MS = 20 * 60_000;

/** Scans for one record in a hundred, beside the same records read as an index range; and the memory they take. */
export async function scans(context: Context): Promise<void> {
  const { plan, findings } = context;
  const records = plan.sizes.at(-1) as number;
  for (const driver of DRIVERS) {
    context.say(`scans: filling ${records} records on ${driver}`);
    const filled = await context.filled(driver, records);
    const setting = { ...filled, payloadBytes: PAYLOAD, driver };
    findings.races.push(
      await race(
        {
          section: "scans",
          title: scansTitle(driver === "sqlite" ? "SQLite" : "Postgres", records),
          payloadBytes: PAYLOAD,
          reference: ENTRANT.rawRange,
          entrants: [
            forked(ENTRANT.rawRange, `grown-raw-${driver}`, setting),
            forked(ENTRANT.floor, "grown-floor", setting),
          ],
          operations: OPERATIONS,
          callers: [1],
          rounds: plan.rounds,
          ms: plan.ms,
          ...(await serverCpu(context, filled.url)),
        },
        context.say,
      ),
    );
    context.say(`scans: memory on ${driver}`);
    findings.scanMemory.push(await runJob("scan-memory", filled, SCAN_MS));
  }
}

export function scansTitle(driver: string, records: number): string {
  return `Scans, ${driver}, ${records} records`;
}
