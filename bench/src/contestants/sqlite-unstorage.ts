import { join } from "node:path";
import { createDatabase } from "db0";
import connector from "db0/connectors/better-sqlite3";
import { createStorage } from "unstorage";
import driver from "unstorage/drivers/db0";
import type { Contestant, Setting } from "../contestant.js";
import { slotRace } from "../slot-race.js";
import { allSlots, keyOf } from "../slots.js";
import { durability, inTransaction } from "./sqlite-database.js";

export async function open({ folder, payloadBytes, variant }: Setting): Promise<Contestant> {
  const database = createDatabase(connector({ path: join(folder, "unstorage.db") }));
  if (variant !== "as shipped") {
    await database.exec("PRAGMA journal_mode = WAL");
    await database.exec("PRAGMA synchronous = FULL");
  }
  const pragma = async (name: string): Promise<unknown> => {
    const row = (await database.prepare(`PRAGMA ${name}`).get()) as Record<string, unknown>;
    return row[name];
  };
  const storage = createStorage({ driver: driver({ database }) });
  const keys = allSlots().map(keyOf);
  const load = (slot: number) => storage.getItemRaw<Buffer>(keys[slot] as string);
  // It makes its table when it is first used, which must not happen inside the transaction that fills it.
  await storage.hasItem("first");
  return slotRace(
    {
      overlaps: true,
      settings: durability(await pragma("journal_mode"), await pragma("synchronous")),
      save: (slot, bytes) => storage.setItemRaw(keys[slot] as string, bytes),
      load,
      async read(slot) {
        const bytes = await load(slot);
        if (bytes === null) throw new Error(`slot ${slot} is empty`);
        return bytes;
      },
      together: (fill) => inTransaction((sql) => database.exec(sql), fill),
      close: () => storage.dispose(),
    },
    payloadBytes,
  );
}
