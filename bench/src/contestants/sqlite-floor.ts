import { join } from "node:path";
import Database from "better-sqlite3";
import "../../../dist/drivers/index.js";
import { openStore } from "../../../dist/src/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { slotRace } from "../slot-race.js";
import { floorSlots } from "./floor-slots.js";

export async function open({ folder, payloadBytes, variant }: Setting): Promise<Contestant> {
  const thread = variant === "inline" ? "inline" : "worker";
  const path = join(folder, "floor.db");
  const store = await openStore({ driver: "sqlite", path, thread });
  const settings = `journal_mode ${journalOf(path)}, durability "full" (synchronous FULL, read back by the driver)`;
  return slotRace(floorSlots(store, settings), payloadBytes);
}

/** The mode of the log is a property of the file; `synchronous` is one of the connection, which nobody else can ask. */
function journalOf(path: string): unknown {
  const database = new Database(path, { readonly: true });
  try {
    return database.pragma("journal_mode", { simple: true });
  } finally {
    database.close();
  }
}
