import { forked } from "../entrant.js";
import { ENTRANT } from "../names.js";
import { race } from "../race.js";
import { type Context, serverCpu } from "../section.js";

const TENANTS = [1, 8, 64];
const PAYLOAD = 256;
const CALLERS = 64;

/** What it costs on Postgres that no statement is about two tenants, and that batches notify of what they write. */
export async function tenants(context: Context): Promise<void> {
  const { plan, findings } = context;
  const { url } = await context.postgres();
  for (const count of TENANTS) {
    const entrant = (name: string, variant: "shared" | "tenant" | "notify") =>
      forked(name, "floor-tenants", {
        folder: context.folder(`tenants-${count}-${variant}`),
        payloadBytes: PAYLOAD,
        variant,
        records: count,
        url,
      });
    findings.races.push(
      await race(
        {
          section: "tenants",
          title: `One statement, one tenant: ${count} ${count === 1 ? "tenant" : "tenants"}`,
          payloadBytes: PAYLOAD,
          reference: ENTRANT.sharedBatches,
          entrants: [
            entrant(ENTRANT.sharedBatches, "shared"),
            entrant(ENTRANT.tenantBatches, "tenant"),
            entrant(ENTRANT.notifying, "notify"),
          ],
          operations: ["save", "load"],
          callers: [CALLERS],
          rounds: plan.rounds,
          ms: plan.ms,
          ...(await serverCpu(context, url)),
        },
        context.say,
      ),
    );
  }
}
