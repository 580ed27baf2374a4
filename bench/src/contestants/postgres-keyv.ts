import KeyvPostgres from "@keyv/postgres";
import Keyv from "keyv";
import type { Contestant, Setting } from "../contestant.js";
import { slotRace } from "../slot-race.js";
import { keyvSlots } from "./keyv-slots.js";

const CONNECTIONS = 10;

export async function open({ url = "", payloadBytes }: Setting): Promise<Contestant> {
  const store = new KeyvPostgres({ uri: url, table: `keyv_${payloadBytes}`, max: CONNECTIONS });
  const keyv = new Keyv({ store, throwOnErrors: true });
  return slotRace(keyvSlots(keyv, `pool of ${CONNECTIONS} connections`), payloadBytes);
}
