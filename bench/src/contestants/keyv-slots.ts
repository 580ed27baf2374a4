import type Keyv from "keyv";
import type { SlotStore } from "../slot-race.js";
import { allSlots, keyOf } from "../slots.js";

/** Any keyv, which makes text of a Buffer and a Buffer of that text. */
export function keyvSlots(keyv: Keyv, settings: string): SlotStore {
  const keys = allSlots().map(keyOf);
  const load = (slot: number): Promise<Buffer | undefined> => keyv.get<Buffer>(keys[slot] as string);
  return {
    overlaps: true,
    settings,
    save: (slot, bytes) => keyv.set(keys[slot] as string, bytes),
    load,
    async read(slot) {
      const bytes = await load(slot);
      if (bytes === undefined) throw new Error(`slot ${slot} is empty`);
      return bytes;
    },
    close: () => keyv.disconnect(),
  };
}
