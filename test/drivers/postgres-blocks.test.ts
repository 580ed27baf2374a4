import { beforeAll, describe, expect, test } from "vitest";
import { BatchStatement } from "../../drivers/postgres/batch-statement.js";
import { openPostgres } from "../../drivers/postgres/index.js";
import type { Driver, ScanQuery, Slot } from "../../src/contract/driver.js";
import { createDatabase } from "../postgres/database.js";
import { isSoak } from "../soak.js";
import { BlockCount, blocksOf, STATEMENT_NAMES, STATEMENTS, type StatementName } from "./postgres-blocks.js";
import {
  apply,
  commit,
  DAY,
  failOnUncaughtErrors,
  insertEvents,
  postgresOf,
  record,
  remove,
  type Sql,
  save,
} from "./postgres-rig.js";

failOnUncaughtErrors();

/** What a long-running process makes of one connection: the store grows under plans made while it was empty. */
const RECORDS = isSoak ? 1_000_000 : 100_000;
const TENANTS = 200;
/** Runs of a statement after which the server may keep a plan for good. */
const WARM_UP = 7;
/** Blocks of a look-up in an index, and of its row. An index of a million entries is one level higher. */
const LOOK_UP = isSoak ? 11 : 10;
/**
 * Blocks of a save in a batch. It looks for its record, its event and fences, inserts into two tables with five indexes in
 * all, and forgets two events. A batch of the size below must not have room for a table that is read from end to end.
 */
const SAVE = isSoak ? 90 : 70;
const LONE_SAVE = 2 * SAVE;
/** While there is a fence, it also looks whether its record is behind it. */
const FENCED_SAVE = SAVE + LOOK_UP;
/** Of these blocks a save in a large batch leaves less than so many. */
const SAVE_SLACK = 30;

interface Step {
  readonly what: string;
  readonly statements: readonly StatementName[];
  /** Blocks that one statement may take, whatever the size of the store. */
  readonly most: number;
  /** Run again and again: what it writes must not be in the way of the next time. */
  readonly run: (driver: Driver) => Promise<unknown>;
}

let made = 0;
const next = () => `new-${++made}`;

/** A slot that is filled when the store has grown. */
function grown(n: number): Slot {
  const kind = `${n % 4 === 0 ? "rare/" : "often/"}${n}`;
  return {
    tenant: `tenant-${n % TENANTS}`,
    user: `user-${n % 7}`,
    session: `session-${Math.floor(n / 1000)}`,
    run: "",
    kind,
  };
}

const GROWN = `
  INSERT INTO groundstate.record
  SELECT 'tenant-' || n % ${TENANTS}, 'user-' || n % 7, 'session-' || n / 1000, '',
    CASE WHEN n % 4 = 0 THEN 'rare/' ELSE 'often/' END || n, 1000000 + n, 'event-' || n, 0, 0, '\\x00', 'payload'
  FROM generate_series(1, ${RECORDS}) AS n`;

const slots = (count: number) => Array.from({ length: count }, (_, n) => grown(4 + n * 101));
const mine = (count: number): Slot[] =>
  Array.from({ length: count }, (_, n) => ({ ...grown(7), kind: `mine/${n}` }));
const saved = (slot: Slot) => save({ ...slot, eventId: next() });
const page = { limit: 100, maxBytes: 1e6, reverse: false };
const list: ScanQuery = { ...page, tenant: "tenant-7", identity: grown(7), prefix: "" };
const rare: ScanQuery = { ...page, prefix: "rare/" };
const PAGE = 3 * page.limit;

const READS: readonly Step[] = [
  {
    what: "a load",
    statements: ["read"],
    most: LOOK_UP,
    run: (driver) => driver.read([grown(4_004)]),
  },
  {
    what: "64 loads",
    statements: ["readMany"],
    most: 64 * LOOK_UP,
    run: (driver) => driver.read(slots(64)),
  },
  {
    what: "64 questions of watches",
    statements: ["readEventIds"],
    most: 64 * LOOK_UP,
    run: (driver) => driver.readEventIds?.(slots(64)) as Promise<unknown>,
  },
  {
    what: "a find by event",
    statements: ["readByEventId"],
    most: 2 * LOOK_UP,
    run: (driver) => driver.readByEventId(grown(5), "event-5"),
  },
  {
    what: "a list",
    statements: ["scan"],
    most: PAGE,
    run: (driver) => driver.scan(list),
  },
  {
    what: "a list backwards",
    statements: ["scan"],
    most: PAGE,
    run: (driver) => driver.scan({ ...list, reverse: true }),
  },
  {
    what: "a list without payloads",
    statements: ["scanHeaders"],
    most: PAGE,
    run: (driver) => driver.scan({ ...list, bytes: false }),
  },
  {
    what: "a scan of one tenant",
    statements: ["scan"],
    most: PAGE,
    run: (driver) => driver.scan({ ...rare, tenant: "tenant-8", after: grown(10_008) }),
  },
  {
    what: "a scan of all tenants",
    statements: ["scan"],
    most: PAGE,
    run: (driver) => driver.scan({ ...rare, after: grown(10_008) }),
  },
  {
    what: "a scan of all tenants without payloads, which have none of the kind",
    statements: ["scanHeaders"],
    most: 3 * TENANTS * LOOK_UP,
    run: (driver) => driver.scan({ ...rare, prefix: "never/", bytes: false }),
  },
  {
    what: "a count",
    statements: ["count"],
    most: PAGE,
    run: (driver) => driver.count?.({ identity: grown(7), prefix: "", limit: 100 }) as Promise<unknown>,
  },
  {
    what: "the sessions of a user",
    statements: ["scanSessions"],
    most: page.limit * LOOK_UP,
    run: (driver) => driver.scanSessions({ tenant: "tenant-7", user: "user-1", prefix: "", limit: 100 }),
  },
];

/** Each also forgets up to twice as many ids as it saves. */
const WRITES: readonly Step[] = [
  {
    what: "a save into an empty slot",
    statements: ["applyOne"],
    most: LONE_SAVE,
    run: (driver) => apply(driver, [saved({ ...grown(7), kind: next() })]),
  },
  {
    what: "a save over a record",
    statements: ["applyOne"],
    most: LONE_SAVE,
    run: (driver) => apply(driver, [saved(grown(4_004))]),
  },
  {
    what: "a save that was seen before, and one whose condition fails",
    statements: ["applyOne"],
    most: LONE_SAVE,
    async run(driver) {
      const one = save({ ...mine(1)[0], eventId: next() });
      await apply(driver, [one]);
      expect(await apply(driver, [one])).toEqual([{ is: "duplicate" }]);
      expect(await apply(driver, [save({ ...mine(1)[0], eventId: next() }, null)])).toMatchObject([
        { is: "condition" },
      ]);
    },
  },
  {
    what: "a lone delete",
    statements: ["apply"],
    most: LONE_SAVE,
    run: (driver) => apply(driver, [remove(mine(1)[0])]),
  },
  {
    what: "a batch of 64 saves",
    statements: ["applyMany"],
    most: 64 * SAVE,
    run: (driver) => apply(driver, [...mine(32), ...slots(32)].map(saved)),
  },
  {
    what: "a commit of saves, a delete and checks",
    statements: ["applyMany"],
    most: 8 * SAVE,
    async run(driver) {
      const [first, ...others] = mine(8) as [Slot, ...Slot[]];
      const writes = [...others.slice(0, 4)].map((slot) => ({
        op: "save" as const,
        record: record({ ...slot, eventId: next() }),
      }));
      const checks = others.slice(4).map((slot) => ({
        op: "check" as const,
        slot: { ...slot, kind: `${slot.kind}/none` },
        expect: null,
      }));
      const outcome = await apply(driver, [commit(...writes, ...checks, { op: "delete", slot: first })]);
      expect(outcome).toMatchObject([{ is: "applied" }]);
    },
  },
  {
    what: "a batch in rounds",
    statements: ["applyMany"],
    most: 16 * SAVE + LONE_SAVE,
    run: (driver) => apply(driver, [...mine(8), ...mine(8)].map(saved)),
  },
  {
    what: "a batch commit by commit",
    statements: ["apply"],
    most: 6 * SAVE + LONE_SAVE,
    run: (driver) => apply(driver, [...mine(2), ...mine(2), ...mine(2)].map(saved)),
  },
  {
    what: "erases of a session and of a prefix",
    statements: ["applyMany", "apply"],
    most: 6 * SAVE,
    async run(driver) {
      const session = { ...grown(7), session: next() };
      const fill = (kind: string) => saved({ ...session, kind });
      await apply(driver, ["a", "b", "c/1", "c/2"].map(fill));
      const { tenant } = session;
      const { user, run } = session;
      const slots = { tenant, user, session: session.session, run, prefix: "c/" };
      await apply(driver, [{ tenant, writes: [{ op: "erase", slots }] }]);
      await apply(driver, [{ tenant, writes: [{ op: "erase", session }] }]);
    },
  },
  {
    what: "a sweep where there is no fence",
    statements: ["sweep"],
    most: LOOK_UP,
    run: (driver) => driver.sweep(grown(7)),
  },
];

const WINDOW = { now: 0, window: DAY };
const CAREFUL = { sessionsMs: 0, rowsMs: 100, careful: true };
/** Statements of a batch for which another program holds a lock, and of one that finds the sequence behind. */
const RARE: readonly Step[] = [
  {
    what: "a batch that looks for locked rows",
    statements: ["apply"],
    most: 6 * SAVE + LONE_SAVE,
    run: () => batch.send(mine(6).map(saved), WINDOW, CAREFUL),
  },
  {
    what: "an erase that looks for locked rows",
    statements: ["apply"],
    most: LONE_SAVE,
    run: () =>
      batch.send(
        [{ tenant: "tenant-9", writes: [{ op: "erase", session: { ...grown(9), session: next() } }] }],
        WINDOW,
        CAREFUL,
      ),
  },
  {
    what: "a look whether the sequence is behind",
    statements: ["settleIds"],
    most: 2 * LOOK_UP,
    run: () => count.send(sql, STATEMENTS.settleIds, []),
  },
];
/** More than are erased at once. */
const ERASED = 1_500;
/** Blocks of an erased record and of its event, which is kept without its fingerprint. */
const ERASE = 40;
const BIG = { tenant: "big", user: "u", session: "s" };
const big = (n: number): Slot => ({ ...BIG, run: "", kind: String(n).padStart(5, "0") });
const ERASES: readonly Step[] = [
  {
    what: "an erase that puts up a fence",
    statements: ["apply"],
    most: 1_000 * ERASE,
    async run(driver) {
      await sql.unsafe(`
        INSERT INTO groundstate.record
        SELECT 'big', 'u', 's', '', lpad(n::text, 5, '0'), nextval('groundstate.record_id'), 'big-' || n, 0, 0, '', ''
        FROM generate_series(1, ${ERASED}) AS n`);
      const erase = { tenant: BIG.tenant, writes: [{ op: "erase" as const, session: BIG }] };
      expect(await apply(driver, [erase])).toMatchObject([{ remains: true }]);
    },
  },
  {
    what: "a load of an erased record",
    statements: ["read"],
    most: 2 * LOOK_UP,
    run: (driver) => driver.read([big(1_400)]),
  },
  {
    what: "a save over an erased record",
    statements: ["applyOne", "apply"],
    most: LONE_SAVE,
    run: (driver) => apply(driver, [saved(big(1_401))]),
  },
  {
    what: "a batch of 64 saves while there is a fence",
    statements: ["applyMany"],
    most: 64 * FENCED_SAVE,
    run: (driver) => apply(driver, [...mine(32), ...slots(32)].map(saved)),
  },
  {
    what: "a list over erased records",
    statements: ["scan"],
    most: ERASED * LOOK_UP,
    run: (driver) => driver.scan({ ...page, tenant: BIG.tenant, identity: big(0), prefix: "" }),
  },
  {
    what: "a sweep",
    statements: ["sweep", "apply"],
    most: 1_000 * ERASE,
    async run(driver) {
      expect(await driver.sweep(BIG)).toMatchObject({ more: false });
      await driver.apply([remove(big(1_401))], WINDOW);
    },
  },
];
const STEPS = [...READS, ...WRITES, ...RARE, ...ERASES];

let url: string;
let sql: Sql;
let count: BlockCount;
let driver: Driver;
let batch: BatchStatement;

beforeAll(async () => {
  const database = await createDatabase();
  url = database.url;
  count = new BlockCount(url);
  driver = await openPostgres({ connect: count.connect, poolSize: 1, timeoutMs: 60_000 });
  sql = postgresOf(url);
  batch = new BatchStatement((text, parameters) => count.send(sql, text, parameters), STATEMENTS);
  // Faster to fill. Statistics would make the server plan again.
  for (const table of ["record", "event"])
    await sql.unsafe(`ALTER TABLE groundstate.${table} SET UNLOGGED, SET (autovacuum_enabled = off)`);
  for (let round = 0; round < WARM_UP; round++) for (const { run } of STEPS) await run(driver);
  await prepareBad();
  // Rows that are gone stay in the way for as long as a transaction sees them: analyze, which the server begins by itself, is one.
  const reader = postgresOf(url);
  await reader.unsafe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM groundstate.record LIMIT 1");
  // Removes the rows and keeps the plans, which TRUNCATE would not.
  await sql.unsafe("DELETE FROM groundstate.record; DELETE FROM groundstate.event");
  await sql.unsafe(GROWN);
  await sql.unsafe(
    insertEvents({
      id: "'event-' || n",
      tenant: `'tenant-' || n % ${TENANTS}`,
      record: "1000000 + n",
      time: "n",
      from: `FROM generate_series(1, ${RECORDS}) AS n`,
    }),
  );
  return async () => {
    await driver.close();
    await reader.end();
    await sql.end();
    await database.drop();
  };
}, 300_000);

/** A plan as a careless driver would have it: made while the table was empty, and without an index. */
const BAD = "SELECT count(*) FROM groundstate.record WHERE tenant = $1::text";

async function prepareBad(): Promise<void> {
  await sql.unsafe(
    "SET plan_cache_mode = force_generic_plan; SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off",
  );
  await sql.unsafe(BAD, ["tenant-7"], { prepare: true });
  await sql.unsafe("RESET enable_indexscan; RESET enable_bitmapscan; RESET enable_indexonlyscan");
}

describe(`on ${RECORDS} records, by plans made when there were none`, () => {
  for (const { what, statements, most, run } of STEPS) {
    test(`${what} asks for at most ${most} blocks`, async () => {
      expect(await count.of(statements, () => run(driver))).toBeLessThanOrEqual(most);
    });
  }

  test("every statement of the driver was counted", () => {
    expect([...count.seen].sort()).toEqual([...STATEMENT_NAMES].sort());
  });

  test("a plan that reads the table from end to end asks for more than a batch may in addition", async () => {
    const asked = await blocksOf(sql, async () => sql.unsafe(BAD, ["tenant-7"], { prepare: true }));
    expect(asked.blocks).toBeGreaterThan(64 * SAVE_SLACK);
  });
});
