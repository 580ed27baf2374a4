import Keyv from "keyv";
import type { Contestant, Setting } from "../contestant.js";
import { slotRace } from "../slot-race.js";
import { keyvSlots } from "./keyv-slots.js";

export async function open({ payloadBytes }: Setting): Promise<Contestant> {
  return slotRace(keyvSlots(new Keyv({ throwOnErrors: true }), "none"), payloadBytes);
}
