import { type Entrant, forked } from "../entrant.js";
import { ENTRANT } from "../names.js";
import { race } from "../race.js";
import type { Context } from "../section.js";

/** Where an entrant is shown in passing. */
const IN_PASSING = { only: { callers: [1, 64] } } as const;
const SAVES = { only: { operations: ["save"] } } as const;

/** Saves and loads in SQLite, beside the raw client and other stores, at equal durability. */
export async function sqlite(context: Context): Promise<void> {
  const { plan, findings } = context;
  for (const payloadBytes of plan.payloads) {
    findings.races.push(
      await race(
        {
          section: "sqlite",
          title: `SQLite, ${payloadBytes} bytes`,
          payloadBytes,
          reference: ENTRANT.sqliteRaw,
          entrants: entrants(context, payloadBytes),
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

function entrants(context: Context, payloadBytes: number): Entrant[] {
  const entrant = (name: string, module: string, variant = "", rest = {}): Entrant => {
    const folder = context.folder(`sqlite-${module}-${variant.replace(" ", "-")}-${payloadBytes}`);
    return forked(name, module, { folder, payloadBytes, variant }, rest);
  };
  return [
    entrant(ENTRANT.sqliteRaw, "sqlite-raw"),
    entrant(ENTRANT.sqliteBatches, "sqlite-raw-batches", "", SAVES),
    entrant(ENTRANT.floor, "sqlite-floor", "worker"),
    entrant(ENTRANT.floorInline, "sqlite-floor", "inline"),
    entrant(ENTRANT.keyv, "sqlite-keyv"),
    entrant(ENTRANT.unstorage, "sqlite-unstorage"),
    entrant(ENTRANT.langgraph, "sqlite-langgraph"),
    entrant(ENTRANT.lmdb, "lmdb"),
    entrant(ENTRANT.keyvShipped, "sqlite-keyv", "as shipped", IN_PASSING),
    entrant(ENTRANT.unstorageShipped, "sqlite-unstorage", "as shipped", IN_PASSING),
    entrant(ENTRANT.langgraphShipped, "sqlite-langgraph", "as shipped", IN_PASSING),
  ];
}
