import "../../../dist/drivers/index.js";
import { openStore } from "../../../dist/src/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { slotRace } from "../slot-race.js";
import { floorSlots } from "./floor-slots.js";

export async function open({ url = "", payloadBytes }: Setting): Promise<Contestant> {
  const store = await openStore({ driver: "postgres", url, schema: `floor_${payloadBytes}` });
  return slotRace(floorSlots(store, "the defaults of the driver"), payloadBytes);
}
