import type { Contestant, Setting } from "../contestant.js";
import { grownSlot, PREFIX, TENANT_RECORDS } from "../grown.js";
import { grownFile } from "../grown-store.js";
import { randomIntegers } from "../random.js";
import { openLikeTheFloor } from "./sqlite-database.js";

/** What the floor reads. */
const COLUMNS = "tenant, user, session, run, kind, event_id, fingerprint, version, updated_at, bytes";

const ONE_TENANT = `
SELECT ${COLUMNS} FROM record
WHERE tenant = ? AND kind >= ? AND kind < ? ORDER BY kind, user, session, run`;

/** The floor's own index leads with the tenant; one that leads with the kind serves all tenants at once. */
const BY_KIND = "CREATE INDEX IF NOT EXISTS bench_by_kind ON record (kind)";
const ALL_TENANTS = `
SELECT ${COLUMNS} FROM record INDEXED BY bench_by_kind
WHERE kind >= ? AND kind < ? ORDER BY tenant, kind, user, session, run`;

/** The same records as the floor's scans, read as an index range in the floor's tables. */
export async function open({ folder, records = 0 }: Setting): Promise<Contestant> {
  const database = openLikeTheFloor(grownFile(folder));
  database.exec(BY_KIND);
  const one = database.prepare(ONE_TENANT).raw();
  const all = database.prepare(ALL_TENANTS).raw();
  const draw = randomIntegers(4);
  const from = PREFIX.hundredth;
  const until = `${from}\u{10ffff}`;
  const expectCount = (rows: readonly unknown[], wanted: number): void => {
    if (rows.length !== wanted) throw new Error(`found ${rows.length} records instead of ${wanted}`);
  };
  const readOne = () =>
    expectCount(one.all(grownSlot(draw(records)).tenant, from, until), TENANT_RECORDS / 100);
  const readAll = () => expectCount(all.all(from, until), records / 100);
  return {
    overlaps: false,
    settings: "",
    operations: {
      "listKind, one tenant": { run: readOne },
      "listKind, all tenants": { run: readAll },
      "scanKind, one tenant": { run: readOne },
      "scanKind, all tenants": { run: readAll },
    },
    async check() {},
    close() {
      database.exec("DROP INDEX bench_by_kind");
      database.close();
    },
  };
}
