import { forked } from "../entrant.js";
import { ENTRANT } from "../names.js";
import { race } from "../race.js";
import type { Context } from "../section.js";

/** Saves and loads in memory, beside a Map that does the least that a store has to do. */
export async function memory(context: Context): Promise<void> {
  const { plan, findings } = context;
  for (const payloadBytes of plan.payloads) {
    const setting = { folder: context.folder(`memory-${payloadBytes}`), payloadBytes };
    findings.races.push(
      await race(
        {
          section: "memory",
          title: `Memory, ${payloadBytes} bytes`,
          payloadBytes,
          reference: ENTRANT.map,
          entrants: [
            forked(ENTRANT.map, "memory-raw", setting),
            forked(ENTRANT.floor, "memory-floor", setting),
            forked(ENTRANT.keyvMemory, "memory-keyv", setting),
          ],
          operations: ["save", "load"],
          callers: plan.callers,
          rounds: plan.rounds,
          ms: plan.ms,
        },
        context.say,
      ),
    );
  }
}
