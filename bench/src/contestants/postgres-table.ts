import postgres from "postgres";
import { allSlots } from "../slots.js";

export type Client = ReturnType<typeof postgres>;

export const COLUMNS = "tenant, usr, session, run, kind, version, updated_at, bytes";
export const UPDATED = "version = excluded.version, updated_at = excluded.updated_at, bytes = excluded.bytes";
export const PLACE = "tenant, usr, session, run, kind";

export function connect(url: string, max: number): Client {
  return postgres(url, { max, fetch_types: false, onnotice() {} });
}

/** A table that remembers no events, otherwise laid out as the floor lays out its own. */
export async function createTable(client: Client, table: string): Promise<void> {
  await client.unsafe(`
    DROP TABLE IF EXISTS ${table};
    CREATE TABLE ${table} (
      tenant text COLLATE "C" NOT NULL,
      usr text COLLATE "C" NOT NULL,
      session text COLLATE "C" NOT NULL,
      run text COLLATE "C" NOT NULL,
      kind text COLLATE "C" NOT NULL,
      version bigint NOT NULL,
      updated_at bigint NOT NULL,
      bytes bytea NOT NULL,
      PRIMARY KEY (${PLACE})
    ) WITH (fillfactor = 80);
    ALTER TABLE ${table} ALTER bytes SET STORAGE EXTERNAL;`);
}

/** One record in each slot. */
export async function fillTable(client: Client, table: string, bytes: Buffer): Promise<void> {
  const slots = allSlots();
  const column = (name: keyof (typeof slots)[number]): string[] => slots.map((slot) => slot[name]);
  await client.unsafe(
    `INSERT INTO ${table} (${COLUMNS})
     SELECT x.*, 0, 0, $6::bytea
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS x (${PLACE})`,
    [...(["tenant", "user", "session", "run", "kind"] as const).map((name) => arrayOf(column(name))), bytes],
  );
}

/** An array of names, none of which needs quoting, as Postgres writes it. */
function arrayOf(names: readonly string[]): string {
  return `{${names.join(",")}}`;
}
