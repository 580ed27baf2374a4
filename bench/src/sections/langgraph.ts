import { forked } from "../entrant.js";
import { ENTRANT } from "../names.js";
import { race } from "../race.js";
import { type Context, serverCpu } from "../section.js";

/** The characters of a message. */
const PAYLOAD_BYTES = 1_000;

/** A turn of a graph with the saver of `groundstate/langgraph`, beside LangGraph's own savers at equal durability. */
export async function langgraph(context: Context): Promise<void> {
  const { plan, findings, say } = context;
  for (const driver of ["sqlite", "postgres"] as const) {
    const url = driver === "postgres" ? (await context.postgres()).url : undefined;
    const entrant = (name: string, module: string) =>
      forked(name, module, {
        folder: context.folder(`${module}-${driver}`),
        payloadBytes: PAYLOAD_BYTES,
        ...(url !== undefined && { url }),
      });
    findings.races.push(
      await race(
        {
          section: "langgraph",
          title: `LangGraph: turns of three steps, ${driver === "sqlite" ? "SQLite" : "Postgres"}`,
          payloadBytes: PAYLOAD_BYTES,
          reference: ENTRANT.ownSaver,
          entrants: [
            entrant(ENTRANT.ownSaver, "turns-official"),
            entrant(ENTRANT.saver, "turns-groundstate"),
          ],
          operations: ["turn"],
          callers: [1, 64],
          rounds: plan.rounds,
          ms: plan.ms,
          ...(await serverCpu(context, url)),
        },
        say,
      ),
    );
  }
}
