import { join } from "node:path";
import "../../../dist/drivers/index.js";
import { GroundstateSaver } from "../../../dist/src/adapters/langgraph/index.js";
import { openStore } from "../../../dist/src/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { langgraphTurns } from "./langgraph-turns.js";

export async function open({ folder, url }: Setting): Promise<Contestant> {
  const store = await (url === undefined
    ? openStore({ driver: "sqlite", path: join(folder, "turns.db") })
    : openStore({ driver: "postgres", url, schema: "turns_groundstate" }));
  const saver = new GroundstateSaver(store, { owner: { tenant: "acme", user: "ada" } });
  const settings = url === undefined ? 'durability "full" (synchronous FULL)' : "the defaults of the driver";
  return langgraphTurns(saver, settings, () => store.close());
}
