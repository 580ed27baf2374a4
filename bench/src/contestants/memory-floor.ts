import "../../../dist/drivers/index.js";
import { openStore } from "../../../dist/src/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { slotRace } from "../slot-race.js";
import { floorSlots } from "./floor-slots.js";

export async function open({ payloadBytes }: Setting): Promise<Contestant> {
  return slotRace(floorSlots(await openStore({ driver: "memory" }), "none"), payloadBytes);
}
