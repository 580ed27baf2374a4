import { join } from "node:path";
import KeyvSqlite from "@keyv/sqlite";
import Keyv from "keyv";
import type { Contestant, Setting } from "../contestant.js";
import { slotRace } from "../slot-race.js";
import { keyvSlots } from "./keyv-slots.js";
import { durability, inTransaction } from "./sqlite-database.js";

export async function open({ folder, payloadBytes, variant }: Setting): Promise<Contestant> {
  const store = new KeyvSqlite({ uri: `sqlite://${join(folder, "keyv.db")}`, busyTimeout: 10_000 });
  if (variant !== "as shipped") {
    await store.query("PRAGMA journal_mode = WAL");
    await store.query("PRAGMA synchronous = FULL");
  }
  const [journal] = await store.query("PRAGMA journal_mode");
  const [synchronous] = await store.query("PRAGMA synchronous");
  const settings = durability(journal?.journal_mode, synchronous?.synchronous);
  const slots = keyvSlots(new Keyv({ store, throwOnErrors: true }), settings);
  return slotRace(
    { ...slots, together: (fill) => inTransaction((sql) => store.query(sql), fill) },
    payloadBytes,
  );
}
