import type { Contestant, Setting } from "../contestant.js";
import { grownSlot, PREFIX, TENANT_RECORDS } from "../grown.js";
import { grownSchema } from "../grown-store.js";
import { randomIntegers } from "../random.js";
import { connect } from "./postgres-table.js";

/** What the floor reads. */
const COLUMNS = "tenant, user_id, session, run, kind, event_id, version, updated_at, fingerprint, bytes";

/** The same records as the floor's scans, read as an index range in the floor's tables. */
export async function open({ url = "", records = 0 }: Setting): Promise<Contestant> {
  const client = connect(url, 1);
  const schema = grownSchema(records);
  // The floor's own index leads with the tenant; one that leads with the kind serves all tenants at once.
  await client.unsafe(`CREATE INDEX IF NOT EXISTS bench_by_kind ON ${schema}.record (kind)`);
  const one = `
    SELECT ${COLUMNS} FROM ${schema}.record
    WHERE tenant = $1 AND kind >= $2 AND kind < $3 ORDER BY kind, user_id, session, run`;
  const all = `
    SELECT ${COLUMNS} FROM ${schema}.record
    WHERE kind >= $1 AND kind < $2 ORDER BY tenant, kind, user_id, session, run`;
  const draw = randomIntegers(4);
  const from = PREFIX.hundredth;
  const until = `${from}\u{10ffff}`;
  const read = async (query: string, parameters: string[], wanted: number): Promise<void> => {
    const rows = await client.unsafe(query, parameters, { prepare: true });
    if (rows.length !== wanted) throw new Error(`found ${rows.length} records instead of ${wanted}`);
  };
  const readOne = () => read(one, [grownSlot(draw(records)).tenant, from, until], TENANT_RECORDS / 100);
  const readAll = () => read(all, [from, until], records / 100);
  return {
    overlaps: true,
    settings: "",
    operations: {
      "listKind, one tenant": { run: readOne },
      "listKind, all tenants": { run: readAll },
      "scanKind, one tenant": { run: readOne },
      "scanKind, all tenants": { run: readAll },
    },
    async check() {},
    async close() {
      await client.unsafe(`DROP INDEX ${schema}.bench_by_kind`);
      await client.end({ timeout: 5 });
    },
  };
}
