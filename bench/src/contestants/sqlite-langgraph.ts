import { join } from "node:path";
import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite";
import type { Contestant, Setting } from "../contestant.js";
import { slotRace } from "../slot-race.js";
import { langgraphSlots } from "./langgraph-slots.js";
import { durabilityOf, inTransaction } from "./sqlite-database.js";

export async function open({ folder, payloadBytes, variant }: Setting): Promise<Contestant> {
  const saver = SqliteSaver.fromConnString(join(folder, "langgraph.db"));
  // It sets its journal when it is first used.
  await saver.getTuple({ configurable: { thread_id: "first" } });
  if (variant !== "as shipped") saver.db.pragma("synchronous = FULL");
  const slots = langgraphSlots(saver, durabilityOf(saver.db));
  return slotRace(
    {
      ...slots,
      together: (fill) => inTransaction((sql) => saver.db.exec(sql), fill),
      close: () => saver.db.close(),
    },
    payloadBytes,
  );
}
