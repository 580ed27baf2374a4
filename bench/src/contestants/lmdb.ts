import { join } from "node:path";
import { open as openDatabase } from "lmdb";
import type { Contestant, Setting } from "../contestant.js";
import { slotRace } from "../slot-race.js";
import { allSlots, keyOf } from "../slots.js";

const MAP_BYTES = 2 ** 31;

/** Without `overlappingSync` a put resolves when its transaction has been synced to the disk. */
export async function open({ folder, payloadBytes }: Setting): Promise<Contestant> {
  const database = openDatabase<Buffer, string>({
    path: join(folder, "lmdb"),
    encoding: "binary",
    mapSize: MAP_BYTES,
    overlappingSync: false,
  });
  const keys = allSlots().map(keyOf);
  const load = async (slot: number): Promise<Buffer | undefined> => database.get(keys[slot] as string);
  return slotRace(
    {
      overlaps: true,
      settings: "overlappingSync false: synced before a put resolves",
      save: (slot, bytes) => database.put(keys[slot] as string, bytes),
      load,
      async read(slot) {
        const bytes = await load(slot);
        if (bytes === undefined) throw new Error(`slot ${slot} is empty`);
        return bytes;
      },
      close: () => database.close(),
    },
    payloadBytes,
  );
}
