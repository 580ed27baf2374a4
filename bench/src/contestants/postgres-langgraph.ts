import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import type { Contestant, Setting } from "../contestant.js";
import { slotRace } from "../slot-race.js";
import { langgraphSlots } from "./langgraph-slots.js";

export async function open({ url = "", payloadBytes }: Setting): Promise<Contestant> {
  const saver = PostgresSaver.fromConnString(url, { schema: `langgraph_${payloadBytes}` });
  await saver.setup();
  const slots = langgraphSlots(saver, "pool of 10 connections, as it makes it");
  return slotRace({ ...slots, close: () => saver.end() }, payloadBytes);
}
