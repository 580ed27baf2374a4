import { join } from "node:path";
import Database from "better-sqlite3";
import { newEventId } from "../../../dist/src/index.js";
import { connect } from "../contestants/postgres-table.js";
import { openFresh, type Place } from "../fresh-store.js";
import type { IdMemory } from "../results.js";
import { identityOf, slotAt } from "../slots.js";

export interface IdMemoryInput {
  readonly place: Place;
  readonly saves: number;
}

const CALLERS = 64;
const OVERWRITTEN = 2_000;
const BYTES = Buffer.alloc(256, 1);

/** Everything that is not the table of the records, in SQLite's own table of its pages. */
const SQLITE_SIZE = `
SELECT sum(pgsize) FROM dbstat
WHERE aggregate = TRUE AND name NOT IN (SELECT name FROM sqlite_schema WHERE tbl_name = 'record')`;

const POSTGRES_SIZE = `
SELECT sum(pg_total_relation_size(c.oid)) AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname <> 'record'`;

/** Overwrites a few records again and again, all within the window, and looks at what grew beside the records. */
export async function run({ place, saves }: IdMemoryInput): Promise<IdMemory> {
  const store = await openFresh(place);
  const sizes = [await sizeOf(place)];
  let left = saves;
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const { kind, ...slot } = slotAt(left % OVERWRITTEN);
      await store.save({
        eventId: newEventId(),
        identity: identityOf({ ...slot, kind }),
        kind,
        bytes: BYTES,
      });
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  await store.close();
  sizes.push(await sizeOf(place));
  const [before = 0, after = 0] = sizes;
  return { driver: place.driver === "sqlite" ? "SQLite" : "Postgres", saves, bytes: after - before };
}

async function sizeOf({ driver, folder, name, url = "" }: Place): Promise<number> {
  if (driver === "sqlite") {
    const database = new Database(join(folder, `${name}.db`), { readonly: true });
    const bytes = database.prepare(SQLITE_SIZE).pluck().get();
    database.close();
    return Number(bytes);
  }
  const client = connect(url, 1);
  const [row] = await client.unsafe(POSTGRES_SIZE, [name]);
  await client.end({ timeout: 5 });
  return Number(row?.bytes);
}
