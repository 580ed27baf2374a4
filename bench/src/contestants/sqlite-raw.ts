import { join } from "node:path";
import type { Contestant, Setting } from "../contestant.js";
import { slotRace } from "../slot-race.js";
import { allSlots, type Slot } from "../slots.js";
import { durabilityOf, inTransaction, openLikeTheFloor } from "./sqlite-database.js";

const TABLE = `
CREATE TABLE state (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  user TEXT NOT NULL,
  session TEXT NOT NULL,
  run TEXT NOT NULL,
  kind TEXT NOT NULL,
  version INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  UNIQUE (tenant, user, session, run, kind)
) STRICT`;

const SAVE = `
INSERT INTO state (tenant, user, session, run, kind, version, updated_at, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant, user, session, run, kind) DO UPDATE SET
  version = excluded.version, updated_at = excluded.updated_at, bytes = excluded.bytes`;

const LOAD = `
SELECT version, updated_at, bytes FROM state
WHERE tenant = ? AND user = ? AND session = ? AND run = ? AND kind = ?`;

/** One upsert per save, each a transaction of its own, into a table that remembers no events. */
export async function open({ folder, payloadBytes }: Setting): Promise<Contestant> {
  const database = openLikeTheFloor(join(folder, "raw.db"));
  database.exec(TABLE);
  const saving = database.prepare(SAVE);
  const loading = database.prepare(LOAD).raw();
  const slots = allSlots();
  const load = (index: number): [number, number, Buffer] => {
    const { tenant, user, session, run, kind } = slots[index] as Slot;
    return loading.get(tenant, user, session, run, kind) as [number, number, Buffer];
  };
  return slotRace(
    {
      overlaps: false,
      settings: durabilityOf(database),
      save(index, bytes) {
        const { tenant, user, session, run, kind } = slots[index] as Slot;
        saving.run(tenant, user, session, run, kind, 0, Date.now(), bytes);
      },
      load,
      read: (index) => load(index)[2],
      together: (fill) => inTransaction((sql) => database.exec(sql), fill),
      close: () => database.close(),
    },
    payloadBytes,
  );
}
