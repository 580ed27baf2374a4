import { beforeAll, describe, expect, test } from "vitest";
import { openPostgres } from "../../drivers/postgres/index.js";
import type { Driver, ScanQuery, StoredRecord } from "../../src/contract/driver.js";
import { createDatabase } from "../postgres/database.js";
import { isSoak } from "../soak.js";
import { erased } from "../store/store-rig.js";
import {
  apply,
  connectWith,
  DAY,
  failOnUncaughtErrors,
  insertEvents,
  open,
  openFresh,
  plainClient,
  postgresOf,
  remove,
  type Sql,
  save,
} from "./postgres-rig.js";

failOnUncaughtErrors();

/** The rows that one statement of the driver read and wrote, as counted by the server. */
interface RowCounts {
  /** Tables read from end to end. */
  readonly sequential: number;
  /** Rows fetched through indexes. */
  readonly rows: number;
  /** Rows inserted, updated and deleted. */
  readonly written: number;
  /** How often large payloads were looked up. */
  readonly payloads: number;
}

const ROW_COUNTS = `
  SELECT sum(seq_scan) AS sequential, sum(idx_tup_fetch) AS rows, sum(n_tup_ins + n_tup_upd + n_tup_del) AS written,
    (SELECT sum(idx_scan) FROM pg_stat_xact_all_tables WHERE schemaname = 'pg_toast') AS payloads
  FROM pg_stat_xact_user_tables WHERE schemaname = 'groundstate'`;

const TENANTS = 200;
const ROWS = 200_000;
const EVENTS = isSoak ? 1_000_000 : 100_000;

let url: string;
let driver: Driver;
let rowCounts: RowCounts;

/**
 * Runs each statement in a transaction and reads the counts before it ends. The plans are those of a long-running process:
 * made when the tables were empty, without statistics since.
 */
beforeAll(async () => {
  const database = await createDatabase();
  url = database.url;
  const connect = connectWith(url, async (_, run, client) => {
    await client.unsafe("BEGIN");
    try {
      const before = await count(client);
      const rows = await run();
      const after = await count(client);
      rowCounts = {
        sequential: after.sequential - before.sequential,
        rows: after.rows - before.rows,
        written: after.written - before.written,
        payloads: after.payloads - before.payloads,
      };
      return rows;
    } finally {
      await client.unsafe("COMMIT");
    }
  });
  driver = await openPostgres({ connect, poolSize: 1, timeoutMs: 60_000 });
  const sql = postgresOf(url);
  // Faster to fill; the plans are the same.
  for (const table of ["record", "event"]) {
    await sql.unsafe(`ALTER TABLE groundstate.${table} SET UNLOGGED`);
    await sql.unsafe(`ALTER TABLE groundstate.${table} SET (autovacuum_enabled = off)`);
  }
  for (let round = 0; round < 10; round++) await runEveryStatement();
  await fill(sql);
  await sql.end();
  return async () => {
    await driver.close();
    await database.drop();
  };
}, 120_000);

async function runEveryStatement(): Promise<void> {
  const slot = { tenant: "warm", user: "u", session: "s", run: "", kind: "k" };
  const slots = ["k", "l", "m", "n"].map((kind) => ({ ...slot, kind }));
  await apply(driver, [save({ ...slot, eventId: "warm" })]);
  await apply(driver, [remove(slot)]);
  await apply(
    driver,
    slots.map((each) => save({ ...each, eventId: `warm/${each.kind}` })),
  );
  await apply(
    driver,
    slots.map((each) => remove(each)),
  );
  await driver.read([slot]);
  await driver.read(slots);
  await driver.readByEventId({ tenant: "warm", user: "u", session: "s" }, "warm");
  await erased(driver, "warm", "u", "s");
  await driver.sweep(slot);
  for (const reverse of [true, false]) {
    await driver.scan({ tenant: "warm", identity: slot, prefix: "", limit: 10, maxBytes: 1e6, reverse });
  }
  const scan = { prefix: "k", limit: 10, maxBytes: 1e6, reverse: false };
  await driver.scan(scan);
  await driver.scan({ ...scan, tenant: "warm", after: slot });
  await driver.count?.({ identity: slot, prefix: "", limit: 10 });
  await driver.scanSessions({ tenant: "warm", user: "u", prefix: "", limit: 10 });
}

async function count(sql: Sql): Promise<RowCounts> {
  const [row] = await sql.unsafe(ROW_COUNTS);
  return {
    sequential: Number(row?.sequential),
    rows: Number(row?.rows),
    written: Number(row?.written),
    payloads: Number(row?.payloads),
  };
}

async function fill(sql: Sql): Promise<void> {
  await sql.unsafe(`
    INSERT INTO groundstate.record
    SELECT 'tenant-' || n % ${TENANTS}, 'user-' || n % 7, 'session-' || n / 1000, '',
      CASE WHEN n % 4 = 0 THEN 'rare/' ELSE 'often/' END || n, 1000000 + n, 'event-' || n, 0, 0, '\\x00', 'payload'
    FROM generate_series(1, ${ROWS}) AS n`);
  await sql.unsafe(
    insertEvents({
      id: "'event-' || n",
      tenant: `'tenant-' || n % ${TENANTS}`,
      record: "1000000 + n",
      time: "n",
      from: `FROM generate_series(1, ${ROWS}) AS n`,
    }),
  );
}

describe("on 200,000 records of 200 tenants, with plans made when there were none, a statement costs what it returns", () => {
  const rare: ScanQuery = { prefix: "rare/", limit: 100, maxBytes: 1e6, reverse: false };
  const identity = { tenant: "tenant-7", user: "user-1", session: "session-3", run: "" };

  test("the count can show a table that is read from end to end", async () => {
    const sql = plainClient(url);
    await sql.unsafe("BEGIN");
    await sql.unsafe("SELECT count(version) FROM groundstate.record");
    expect(await count(sql)).toMatchObject({ sequential: 1 });
    await sql.unsafe("ROLLBACK");
  });

  test("a page of a kind in one tenant", async () => {
    const { records } = await driver.scan({ ...rare, tenant: "tenant-8" });
    expect(records).toHaveLength(100);
    expect(rowCounts).toMatchObject({ sequential: 0 });
    expect(rowCounts.rows).toBeLessThan(110);

    const next = await driver.scan({ ...rare, tenant: "tenant-8", after: records[99] as StoredRecord });
    expect(next.records).toHaveLength(100);
    expect(rowCounts).toMatchObject({ sequential: 0 });
    expect(rowCounts.rows).toBeLessThan(110);
  });

  test("a scan for a kind that a tenant lacks reads nothing of other tenants", async () => {
    expect((await driver.scan({ ...rare, tenant: "tenant-7" })).records).toEqual([]);
    expect(rowCounts).toMatchObject({ sequential: 0, rows: 0 });
  });

  test("a page across tenants, and one seek for each tenant that has none", async () => {
    const { records } = await driver.scan(rare);
    expect(records).toHaveLength(100);
    expect(rowCounts).toMatchObject({ sequential: 0 });
    expect(rowCounts.rows).toBeLessThan(130);

    expect((await driver.scan({ ...rare, prefix: "never/" })).records).toEqual([]);
    expect(rowCounts).toMatchObject({ sequential: 0 });
    expect(rowCounts.rows).toBeLessThan(2 * TENANTS + 10);
  });

  test("a page ends where its bytes do", async () => {
    const { records } = await driver.scan({ ...rare, tenant: "tenant-8", limit: 10_000, maxBytes: 70 });
    expect(records).toHaveLength(10);
    expect(rowCounts.rows).toBeLessThan(110);
  });

  test("one identity's list, either way around", async () => {
    const found: unknown[] = [];
    for (const reverse of [false, true]) {
      const query = {
        tenant: identity.tenant,
        identity,
        prefix: "often/",
        limit: 1000,
        maxBytes: 1e6,
        reverse,
      };
      const { records } = await driver.scan(query);
      found.push(records.length);
      expect(rowCounts).toMatchObject({ sequential: 0 });
      expect(rowCounts.rows).toBeLessThanOrEqual(records.length + 1);
    }
    expect(found).toEqual([1, 1]);
  });

  test("a count, and the sessions of a user", async () => {
    const often = { identity, prefix: "often/", limit: Number.MAX_SAFE_INTEGER };
    expect(await driver.count?.(often)).toBe(1);
    expect(rowCounts).toMatchObject({ sequential: 0 });
    expect(rowCounts.rows).toBeLessThanOrEqual(2);

    const user = { tenant: "tenant-7", user: "user-1", prefix: "session-1", limit: 50 };
    const { sessions, more } = await driver.scanSessions(user);
    expect([sessions.length, more]).toEqual([50, true]);
    expect(rowCounts).toMatchObject({ sequential: 0 });
    expect(rowCounts.rows).toBeLessThanOrEqual(51);
  });

  test("a list without payloads reads none of the large ones", async () => {
    const owner = { tenant: "large", user: "u", session: "s", run: "" };
    const bytes = new Uint8Array(100_000).fill(7);
    await apply(
      driver,
      ["k/1", "k/2", "k/3"].map((kind) => save({ ...owner, kind, bytes })),
    );
    const all = { prefix: "k/", limit: 100, maxBytes: 1e9, reverse: false };
    const queries: ScanQuery[] = [
      { ...all, tenant: owner.tenant, identity: owner },
      { ...all, tenant: owner.tenant },
    ];
    for (const query of queries) {
      expect((await driver.scan({ ...query, bytes: false })).records).toHaveLength(3);
      expect(rowCounts.payloads).toBe(0);
      expect((await driver.scan(query)).records).toHaveLength(3);
      expect(rowCounts.payloads).toBeGreaterThan(0);
    }
  });

  test("reads", async () => {
    const slots = [1, 3, 5, 999_999].map((n) => ({
      tenant: `tenant-${n % TENANTS}`,
      user: `user-${n % 7}`,
      session: `session-${Math.floor(n / 1000)}`,
      run: "",
      kind: `often/${n}`,
    }));
    expect((await driver.read(slots)).map((found) => found?.eventId)).toEqual([
      "event-1",
      "event-3",
      "event-5",
      undefined,
    ]);
    expect(rowCounts).toMatchObject({ sequential: 0, rows: 3 });
    expect(
      await driver.readByEventId({ tenant: "tenant-5", user: "user-5", session: "session-0" }, "event-5"),
    ).toMatchObject({ kind: "often/5" });
    expect(rowCounts).toMatchObject({ sequential: 0, rows: 2 });
    // Of another session it is found out by its id, however many records either session has.
    const another = { tenant: "tenant-5", user: "user-5", session: "session-3" };
    expect(await driver.readByEventId(another, "event-5")).toBeUndefined();
    expect(rowCounts).toMatchObject({ sequential: 0, rows: 2 });
  });

  test("lone reads, saves and deletes, and deletes in a batch", async () => {
    const slots = ["a", "b", "c", "d"].map((name) => ({ ...identity, kind: `lone/${name}` }));
    for (const slot of slots) {
      await apply(driver, [save(slot)], Number.MAX_SAFE_INTEGER);
      expect(rowCounts).toMatchObject({ sequential: 0, written: 2 });
      expect(rowCounts.rows).toBeLessThan(10);
      expect(await driver.read([slot])).toMatchObject([slot]);
      expect(rowCounts).toMatchObject({ sequential: 0, rows: 1 });
    }
    await apply(driver, [remove(slots[0])], Number.MAX_SAFE_INTEGER);
    expect(rowCounts).toMatchObject({ sequential: 0, written: 1 });
    expect(rowCounts.rows).toBeLessThan(10);
    const four = [...slots.slice(1), { ...identity, kind: "often/1406" }];
    await apply(
      driver,
      four.map((slot) => remove(slot)),
      Number.MAX_SAFE_INTEGER,
    );
    expect(rowCounts).toMatchObject({ sequential: 0 });
    expect(rowCounts.rows).toBeLessThan(40);
  });

  test("batches and erases", async () => {
    const commits = Array.from({ length: 64 }, (_, n) => save({ ...identity, kind: `new/${n}` }));
    await apply(driver, commits, Number.MAX_SAFE_INTEGER);
    expect(rowCounts).toMatchObject({ sequential: 0, written: 128 });
    expect(rowCounts.rows).toBeLessThan(200);
    expect(await erased(driver, "tenant-7", "user-1", "session-3")).toBeGreaterThan(64);
    expect(rowCounts).toMatchObject({ sequential: 0 });
    expect(rowCounts.rows).toBeLessThan(400);
  });
});

describe("of an erase of 20,000 records", () => {
  const session = { tenant: "big", user: "u", session: "s" };
  const slot = (n: number) => ({ ...session, run: "", kind: String(n).padStart(5, "0") });
  const SWEEP_SIZE = 1000;

  beforeAll(async () => {
    const sql = postgresOf(url);
    await sql.unsafe(`
      INSERT INTO groundstate.record
      SELECT 'big', 'u', 's', '', lpad(n::text, 5, '0'), 2000000 + n, 'big-' || n, 0, 0, '', '' FROM generate_series(0, 19999) AS n`);
    await sql.unsafe(
      insertEvents({
        id: "'big-' || n",
        tenant: "'big'",
        record: "2000000 + n",
        time: "9000000000000",
        fingerprint: "'f'",
        from: "FROM generate_series(0, 19999) AS n",
      }),
    );
    await sql.end();
  });

  test("each sweep costs a bounded amount, and erased records make other statements no slower", async () => {
    expect(
      await apply(driver, [{ tenant: session.tenant, writes: [{ op: "erase", session }] }]),
    ).toMatchObject([{ erased: [SWEEP_SIZE], remains: true }]);
    expect(rowCounts).toMatchObject({ sequential: 0 });
    // Of records and of events, each looked for and removed, and those that were walked over to see that there are more.
    expect(rowCounts.rows).toBeLessThan(6 * SWEEP_SIZE);

    expect(await driver.read([slot(15_000)])).toEqual([undefined]);
    // The record, the look whether there is any fence, and its own.
    expect(rowCounts).toMatchObject({ sequential: 0, rows: 3 });
    expect(await driver.readByEventId(session, "big-15000")).toBeUndefined();
    expect(rowCounts).toMatchObject({ sequential: 0, rows: 4 });
    await apply(driver, [save({ ...slot(15_000), eventId: "big-new" })], Number.MAX_SAFE_INTEGER);
    expect(rowCounts).toMatchObject({ sequential: 0 });
    expect(rowCounts.rows).toBeLessThan(30);
    await apply(
      driver,
      [1, 2, 3, 4].map((n) => save({ ...slot(15_000 + n), eventId: `big-new-${n}` })),
      Number.MAX_SAFE_INTEGER,
    );
    expect(rowCounts).toMatchObject({ sequential: 0 });
    expect(rowCounts.rows).toBeLessThan(100);

    const page = await driver.scan({ tenant: "big", prefix: "", limit: 10, maxBytes: 1e6, reverse: false });
    expect(page).toMatchObject({ records: [], more: true });
    expect(rowCounts).toMatchObject({ sequential: 0 });
    // The fence of each, and what the server fetches ahead.
    expect(rowCounts.rows).toBeLessThan(2 * 2000 + 200);

    for (let n = 0; n < 18; n++) {
      const { removed, more } = await driver.sweep(session);
      expect(more).toBe(true);
      // Five were removed in passing, and five are no part of it.
      expect(Math.abs(removed - SWEEP_SIZE)).toBeLessThanOrEqual(5);
      expect(rowCounts).toMatchObject({ sequential: 0 });
      expect(rowCounts.rows).toBeLessThan(5 * SWEEP_SIZE);
    }
  });

  test("a record of no erased session costs nothing more than before", async () => {
    expect(await driver.read([{ ...session, session: "other", run: "", kind: "k" }])).toEqual([undefined]);
    expect(rowCounts).toMatchObject({ sequential: 0, rows: 0 });
  });
});

describe("while another connection holds an old snapshot", () => {
  /** Blocks of the expiry queue's index that the last statement read. */
  let blocks = 0;

  test("a batch does not scan the rows removed from the expiry queue since then", async () => {
    const { url: fresh, sql } = await openFresh();
    const looked = async (client: Sql) => {
      const [row] = await client.unsafe(
        "SELECT pg_stat_get_xact_blocks_fetched('groundstate.event_line'::regclass) AS blocks",
      );
      return Number(row?.blocks);
    };
    const connect = connectWith(fresh, async (_, run, client) => {
      await client.unsafe("BEGIN");
      try {
        const before = await looked(client);
        const rows = await run();
        blocks = (await looked(client)) - before;
        return rows;
      } finally {
        await client.unsafe("COMMIT");
      }
    });
    const expiring = await open({ connect, poolSize: 1 });
    await sql.unsafe(
      insertEvents({
        id: "'old' || n",
        tenant: "'acme'",
        record: "-1",
        time: "n",
        from: "FROM generate_series(1, 40000) AS n",
      }),
    );
    const reader = plainClient(fresh);
    await reader.unsafe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM groundstate.event");
    const batch = (n: number) =>
      apply(
        expiring,
        Array.from({ length: 256 }, (_, k) => save({ kind: `${k}`, eventId: `${n}/${k}` })),
      );
    for (let n = 0; n < 60; n++) await batch(n);
    const [left] = await sql`SELECT count(*) AS n FROM groundstate.event WHERE record_id = -1`;
    expect(left).toEqual({ n: String(40_000 - 60 * 512) });
    await apply(expiring, [save({ kind: "k" })]);
    expect(blocks).toBeLessThan(40);
    // A driver that does not know the queue's head yet has to scan them all, once.
    const newDriver = await open({ connect, poolSize: 1 });
    await apply(newDriver, [save({ kind: "k" })]);
    expect(blocks).toBeGreaterThan(80);
    await apply(newDriver, [save({ kind: "k" })]);
    expect(blocks).toBeLessThan(40);
    await reader.unsafe("COMMIT");
  });
});

describe("with a million expired ids that are still current", () => {
  test("each batch examines at most twice as many ids as it wrote, and the expiry queue moves on", async () => {
    const sql = plainClient(url);
    // Faster to fill.
    await sql.unsafe("DROP INDEX groundstate.record_kind, groundstate.record_by_id, groundstate.event_line");
    const kind = "to_char(n, '0000000')";
    await sql.unsafe(`
      INSERT INTO groundstate.record
      SELECT 'million', 'u', 's', '', ${kind}, 9000000 + n, ${kind}, 0, 0, '', '' FROM generate_series(1, ${EVENTS}) AS n`);
    // The driver knows where the queue began. The others that have expired are gone, and these come after that; one that is
    // not current stands among them.
    await sql.unsafe(`DELETE FROM groundstate.event WHERE lined_up_at <= ${ROWS}`);
    const tenant = "'million'";
    await sql.unsafe(
      insertEvents({
        id: kind,
        tenant,
        record: "9000000 + n",
        time: `${ROWS} + n`,
        from: `FROM generate_series(1, ${EVENTS}) AS n`,
      }),
    );
    await sql.unsafe(insertEvents({ id: "'forgettable'::text", tenant, record: "-1", time: `${ROWS} + 40` }));
    await sql.unsafe(`
      CREATE UNIQUE INDEX record_by_id ON groundstate.record (id, tenant);
      CREATE INDEX record_kind ON groundstate.record (tenant, kind, user_id, session, run);
      CREATE INDEX event_line ON groundstate.event (lined_up_at)`);

    for (let batch = 0; batch < 5; batch++) {
      await apply(
        driver,
        [1, 2, 3, 4, 5].map((kind) => save({ tenant: "mine", kind: `${kind}` })),
      );
      expect(rowCounts.sequential).toBe(0);
      // Five records and five events, and the ten oldest of the queue: moved, or removed.
      expect(rowCounts.written).toBe(20);
      expect(rowCounts.rows).toBeLessThan(80);
    }
    const [state] = await sql`
      SELECT count(*) FILTER (WHERE lined_up_at > ${Date.now() - DAY} AND tenant = 'million') AS moved,
        count(*) FILTER (WHERE record_id = -1) AS left_over FROM groundstate.event`;
    expect(state).toEqual({ moved: "49", left_over: "0" });
  }, 120_000);
});
