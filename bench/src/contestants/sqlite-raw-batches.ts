import { join } from "node:path";
import "../../../dist/drivers/index.js";
import { openStore } from "../../../dist/src/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { FloorEvents } from "../floor-events.js";
import { slotRace } from "../slot-race.js";
import { allSlots, cheapIds, type Slot } from "../slots.js";
import { durabilityOf, inTransaction, openLikeTheFloor } from "./sqlite-database.js";

const SAVE = `
INSERT INTO record (tenant, user, session, run, kind, event_id, fingerprint, version, updated_at, bytes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant, user, session, run, kind) DO UPDATE SET
  event_id = excluded.event_id, fingerprint = excluded.fingerprint, version = excluded.version,
  updated_at = excluded.updated_at, bytes = excluded.bytes
RETURNING id`;

const LOAD = `
SELECT bytes FROM record WHERE tenant = ? AND user = ? AND session = ? AND run = ? AND kind = ?`;

const BATCH = 64;
/** As long as one of the floor's; nothing checks it here. */
const FINGERPRINT = "f".repeat(43);

/** Transactions of 64 saves into the tables of the floor, without what the floor asks before it writes. */
export async function open({ folder, payloadBytes }: Setting): Promise<Contestant> {
  const path = join(folder, "batches.db");
  await (await openStore({ driver: "sqlite", path })).close();
  const database = openLikeTheFloor(path);
  const saving = database.prepare(SAVE).raw();
  const events = new FloorEvents(database);
  const loading = database.prepare(LOAD).raw();
  const slots = allSlots();
  const nextId = cheapIds();
  const save = (index: number, bytes: Buffer): void => {
    const { tenant, user, session, run, kind } = slots[index] as Slot;
    const now = Date.now();
    const eventId = nextId();
    const [record] = saving.get(tenant, user, session, run, kind, eventId, FINGERPRINT, 0, now, bytes) as [
      number,
    ];
    events.add({ tenant, eventId, record, fingerprint: FINGERPRINT, now });
  };
  const load = (index: number): Buffer => {
    const { tenant, user, session, run, kind } = slots[index] as Slot;
    return (loading.get(tenant, user, session, run, kind) as [Buffer])[0];
  };
  const saveAll = database.transaction((indices: readonly number[], bytes: readonly Buffer[]) => {
    for (const [place, index] of indices.entries()) save(index, bytes[place] as Buffer);
    events.flush(Date.now());
  });
  return slotRace(
    {
      overlaps: false,
      settings: durabilityOf(database),
      save,
      batch: { size: BATCH, save: (indices, bytes) => saveAll.immediate(indices, bytes) },
      load,
      read: load,
      together: (fill) => inTransaction((sql) => database.exec(sql), fill),
      close: () => database.close(),
    },
    payloadBytes,
  );
}
