import type { Contestant, Setting } from "../contestant.js";
import { slotRace } from "../slot-race.js";
import { allSlots, type Slot } from "../slots.js";
import { COLUMNS, connect, createTable, PLACE, UPDATED } from "./postgres-table.js";

/** One prepared upsert per save, over `variant` connections, each of which sends ahead as the client does by itself. */
export async function open({ url = "", payloadBytes, variant }: Setting): Promise<Contestant> {
  const connections = Number(variant);
  const client = connect(url, connections);
  const table = `raw_${connections}_${payloadBytes}`;
  await createTable(client, table);
  const saving = `
    INSERT INTO ${table} (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (${PLACE}) DO UPDATE SET ${UPDATED}`;
  const loading = `
    SELECT version, updated_at, bytes FROM ${table}
    WHERE tenant = $1 AND usr = $2 AND session = $3 AND run = $4 AND kind = $5`;
  const prepare = { prepare: true };
  const slots = allSlots();
  const place = (index: number): string[] => {
    const { tenant, user, session, run, kind } = slots[index] as Slot;
    return [tenant, user, session, run, kind];
  };
  const load = (index: number) => client.unsafe(loading, place(index), prepare);
  return slotRace(
    {
      overlaps: true,
      settings: `${connections} connection${connections === 1 ? "" : "s"}, prepared statements`,
      save: (index, bytes) =>
        client.unsafe(saving, [...place(index), "0", String(Date.now()), bytes], prepare),
      load,
      async read(index) {
        const [row] = await load(index);
        return row?.bytes as Uint8Array;
      },
      close: () => client.end({ timeout: 5 }),
    },
    payloadBytes,
  );
}
