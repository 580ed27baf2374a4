import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isolateTenants, type PostgresConfig } from "../../drivers/postgres/index.js";
import { TenantProof } from "../../drivers/postgres/isolation/tenant-proof.js";
import { namesOf } from "../../drivers/postgres/names.js";
import { statementsOf } from "../../drivers/postgres/statements.js";
import { createStore, maintenanceScope, newEventId, type StateStore } from "../../src/index.js";
import { createIsolatedDatabase, type IsolatedDatabase } from "../postgres/isolated.js";
import { type Attack, READS, WRITES } from "./postgres-attacks.js";
import {
  apply,
  connectWith,
  DAY,
  failOnUncaughtErrors,
  failure,
  insertEvents,
  open,
  plainClient,
  postgresOf,
  SLOT,
  type Sql,
  save,
} from "./postgres-rig.js";

failOnUncaughtErrors();

let database: IsolatedDatabase;
let superuser: Sql;
beforeAll(async () => {
  database = await createIsolatedDatabase();
  superuser = postgresOf(database.url);
});
afterAll(async () => {
  await superuser.end();
  await database.drop();
});

async function storeOf(config: PostgresConfig): Promise<StateStore> {
  const driver = await open(config);
  return createStore(driver, { layers: driver.layers ?? [] });
}

describe("a store", () => {
  const all = { prefix: "", limit: 10, maxBytes: 1e6, reverse: false };

  test("without admin scans one tenant, and is told why not all", async () => {
    const { admin: _, ...alone } = database.config;
    const store = await storeOf(alone);
    const identity = { tenant: "scanned", user: "u", session: "s" };
    await store.save({ eventId: newEventId(), identity, kind: "k", bytes: Buffer.from("x") });
    const one = maintenanceScope({ reason: "test", tenant: "scanned" });
    expect(await store.listKind(one, "k")).toHaveLength(1);
    const every = maintenanceScope({ reason: "test", allTenants: true });
    const refused = await failure(store.listKind(every, "k"));
    expect(refused).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(refused.message).toContain("admin");
  });

  test("sees all tenants over admin, which can write none", async () => {
    const driver = await open(database.config);
    for (const tenant of ["all-a", "all-b"]) await apply(driver, [save({ tenant, kind: "of-all" })]);
    expect((await driver.scan({ ...all, prefix: "of-all" })).records.map(({ tenant }) => tenant)).toEqual([
      "all-a",
      "all-b",
    ]);
    const admin = plainClient(database.admin);
    const statement = "UPDATE groundstate.record SET version = 1";
    await expect(admin.unsafe(statement)).rejects.toMatchObject({ code: "42501" });
  });

  test("without isolation is told that it needs some", async () => {
    const driver = await open({ url: database.app, migrate: "off" });
    const error = await failure(driver.read([{ tenant: "a", user: "u", session: "s", run: "", kind: "k" }]));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    const bound = await open({ connect: () => postgresOf(database.app), migrate: "off" });
    const told = await failure(bound.scan({ ...all, tenant: "a" }));
    expect(told.message).toContain("docs/drivers/postgres-isolation.md");
  });

  test("is refused with a key that the server does not know, and with two keys both are let in", async () => {
    const tenantKey = "a key of more than thirty-two characters";
    const other = { ...database.config, tenantKey };
    expect((await failure(open(other))).message).toContain("does not know this tenantKey");
    await isolateTenants({ url: database.owner, tenantKey });
    const [first, second] = [await open(database.config), await open(other)];
    await apply(first, [save({ tenant: "keys" })]);
    expect(await second.read([{ ...SLOT, tenant: "keys" }])).toHaveLength(1);
    await superuser`DELETE FROM groundstate.tenant_key WHERE added_at = (SELECT max(added_at) FROM groundstate.tenant_key)`;
    expect(await failure(second.read([{ ...SLOT, tenant: "keys" }]))).toMatchObject({
      code: "UNAVAILABLE",
      details: { reason: "setup" },
    });
  });

  test("is refused to a role that no policy binds", async () => {
    for (const url of [database.owner, database.url]) {
      const error = await failure(open({ ...database.config, url }));
      expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
      expect(error.message).toMatch(/would not be isolated: .*(owner of table|SUPERUSER)/);
    }
  });

  test("forgets its own tenant's event ids, oldest first, whatever the queue of others", async () => {
    const driver = await open(database.config);
    const expired = (tenant: string, count: number, time: number) =>
      superuser.unsafe(
        insertEvents({
          id: `'old' || n`,
          tenant: `'${tenant}'`,
          record: "-1",
          time: `${time} + n`,
          from: `FROM generate_series(1, ${count}) AS n`,
        }),
      );
    await expired("late", 6, 5000);
    await expired("early", 6, 1000);
    const left = async (tenant: string) => {
      const [row] = await superuser`
        SELECT count(*)::int AS n FROM groundstate.event WHERE tenant = ${tenant} AND record_id = -1`;
      return row?.n;
    };
    await apply(driver, [save({ tenant: "late" })], DAY);
    expect([await left("early"), await left("late")]).toEqual([6, 4]);
    // The head of the other queue, which lies before, is not taken for this one's.
    await apply(driver, [save({ tenant: "early" })], DAY);
    expect([await left("early"), await left("late")]).toEqual([4, 4]);
    await apply(driver, [save({ tenant: "early", kind: "2" })], DAY);
    expect([await left("early"), await left("late")]).toEqual([2, 4]);
  });

  test("checks the proof once for a query, and finds rows by their indexes", async () => {
    const proof = new TenantProof(database.config.tenantKey);
    const { read } = statementsOf(namesOf("groundstate", ""));
    const app = plainClient(database.app);
    const values = ["plan", "ann", "s1", "", "note", proof.of("plan")];
    const plan = await app.unsafe(`EXPLAIN (ANALYZE, FORMAT JSON) ${proof.statement(read, 5)}`, values);
    const text = JSON.stringify(plan);
    expect(text).toContain("InitPlan");
    expect(text).toMatch(/"Node Type":"Index Scan"[^{]*"Relation Name":"record"/);
    expect(text).not.toContain("Seq Scan");
    await app.unsafe("BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off");
    await app.unsafe("SELECT set_config('groundstate.tenant', $1, true)", [proof.of("plan")]);
    const queue = await app.unsafe(`EXPLAIN (FORMAT JSON) SELECT e.lined_up_at FROM groundstate.event AS e
      WHERE e.lined_up_at >= 0 AND e.lined_up_at <= 5000 ORDER BY e.lined_up_at LIMIT 1`);
    expect(JSON.stringify(queue)).toContain("event_tenant_line");
    await app.unsafe("ROLLBACK");
  });

  test("works without prepared statements, and over clients of the caller's", async () => {
    const { url: _, ...shared } = database.config;
    const unprepared = await open({ ...database.config, prepare: false });
    await apply(unprepared, [save({ tenant: "unprepared" })]);
    const own = await open({ ...shared, connect: () => postgresOf(database.app) });
    expect(await own.read([{ ...SLOT, tenant: "unprepared" }])).toMatchObject([{ tenant: "unprepared" }]);
  });

  test("with names of its own gets policies on all its tables, and again nothing new", async () => {
    const given = { url: database.url, schema: "elsewhere", tablePrefix: "own_", tenantKey: "k".repeat(32) };
    for (let time = 0; time < 2; time++) await isolateTenants(given);
    const policies =
      await superuser`SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'elsewhere' ORDER BY 1`;
    expect(policies.map(({ tablename }) => tablename)).toEqual([
      "own_event",
      "own_fenced_range",
      "own_record",
    ]);
    const [keys] = await superuser`SELECT count(*)::int AS n FROM elsewhere.own_tenant_key`;
    expect(keys).toEqual({ n: 1 });
  });

  test("without isolation sends the statements as they are (control: with it, another)", async () => {
    const { read } = statementsOf(namesOf("groundstate", ""));
    const texts: string[] = [];
    const watched = (url: string) =>
      connectWith(url, ({ text: statement }, run) => {
        texts.push(statement);
        return run();
      });
    const slot = { ...SLOT, tenant: "texts" };
    const plain = await open({ connect: watched(database.url), migrate: "off" });
    await plain.read([slot]);
    expect(texts).toContain(read);
    texts.length = 0;
    const { url: _, ...shared } = database.config;
    const isolated = await open({ ...shared, connect: watched(database.app) });
    await isolated.read([slot]);
    expect(texts).not.toContain(read);
    expect(texts.some((text) => text.includes(read))).toBe(true);
  });

  test("moves the sequence of ids over admin after a restore", async () => {
    await superuser.unsafe("SELECT setval('groundstate.record_id', 1, false)");
    await superuser.unsafe(`INSERT INTO groundstate.record
      SELECT 'restored', 'u', 's', '', 'k' || n, n, 'r' || n, 0, 0, 'f', '', 0 FROM generate_series(1, 500) AS n`);
    const again = await open(database.config);
    expect(await apply(again, [save({ tenant: "restored", kind: "new" })])).toMatchObject([
      { is: "applied" },
    ]);
  });
});

describe("a configuration", () => {
  const config: PostgresConfig = { url: "postgres://x/y", isolation: "tenant", tenantKey: "k".repeat(32) };

  test.each<[string, object]>([
    ["isolation", { ...config, isolation: "user" }],
    ["tenantKey", { ...config, tenantKey: "short" }],
    ["tenantKey", { url: config.url, isolation: "tenant" }],
    ["tenantKey", { url: config.url, tenantKey: config.tenantKey }],
    ["admin", { url: config.url, admin: { url: config.url } }],
    ["admin.url", { ...config, admin: {} }],
    ["admin", { ...config, admin: { url: config.url, user: "x" } }],
    ["batch", { ...config, batch: "shared" }],
    ["migrate", { ...config, migrate: "apply" }],
    ["notify", { ...config, notify: true }],
    ["url", { ...config, url: "postgres://x/y?isolation=tenant" }],
  ])("with a wrong %s is refused", async (field, wrong) => {
    const error = await failure(open(wrong as PostgresConfig));
    expect(error).toMatchObject({ code: "INVALID_RECORD" });
    expect(error.message).toContain(field);
    expect(error.message).not.toContain(config.tenantKey);
  });
});

/** Also for what takes a change of the tables: the last, after which they are not as they were. */
describe("the application's own connection", () => {
  const VICTIM = { tenant: "victim", user: "victim-user", session: "s" };
  let attacker: Sql;
  const notices: string[] = [];

  beforeAll(async () => {
    attacker = postgresOf(database.app, { onnotice: ({ message }) => void notices.push(String(message)) });
    await superuser.unsafe(`
      TRUNCATE groundstate.record, groundstate.event, groundstate.fenced_range;
      INSERT INTO groundstate.record
        SELECT t.tenant, t.usr, 's', '', 'note' || CASE n WHEN 1 THEN '' ELSE n::text END, t.base + n, t.tenant || n, 0, 0, 'f',
          convert_to(t.tenant || ' payload', 'UTF8'), 0
        FROM (VALUES ('victim', 'victim-user', 1000), ('mine', 'u', 2000)) AS t (tenant, usr, base), generate_series(1, 30) AS n;
      INSERT INTO groundstate.event SELECT 0, 9000000000000, id, convert_to(event_id, 'UTF8'), tenant, NULL FROM groundstate.record;
      INSERT INTO groundstate.fenced_range VALUES
        ('victim', 'victim-user', 's', 1, 9000000000000, '', 'note2', 0, '', 'note2', '', 'note3');
      ANALYZE groundstate.record;
      CREATE TABLE public.kept_record AS TABLE groundstate.record;
      CREATE TABLE public.kept_event AS TABLE groundstate.event;
      CREATE TABLE public.kept_fence AS TABLE groundstate.fenced_range`);
  });
  afterAll(async () => {
    await attacker.end();
    await superuser.unsafe(`TRUNCATE groundstate.record, groundstate.event, groundstate.fenced_range;
      DROP TABLE public.kept_record, public.kept_event, public.kept_fence`);
  });

  /** What the victim has, in one text. */
  async function possessions(): Promise<string> {
    const [row] = await superuser.unsafe(`
      SELECT (SELECT json_agg(r ORDER BY kind) FROM groundstate.record AS r WHERE tenant = 'victim')::text
        || coalesce((SELECT json_agg(e ORDER BY event_key) FROM groundstate.event AS e WHERE tenant = 'victim')::text, '')
        || coalesce((SELECT json_agg(f) FROM groundstate.fenced_range AS f WHERE tenant = 'victim')::text, '') AS text`);
    return String(row?.text);
  }

  const restore = () =>
    superuser.unsafe(`BEGIN; TRUNCATE groundstate.record, groundstate.event, groundstate.fenced_range;
      INSERT INTO groundstate.record TABLE public.kept_record; INSERT INTO groundstate.event TABLE public.kept_event;
      INSERT INTO groundstate.fenced_range TABLE public.kept_fence; COMMIT`);

  /** All that the attacker gets to see, from inside a statement of a tenant of theirs. The transaction commits if it can. */
  async function seenBy({ statements }: Attack, proof: string): Promise<string> {
    const seen: string[] = [];
    notices.length = 0;
    await attacker.unsafe("BEGIN");
    try {
      await attacker.unsafe("SELECT set_config('groundstate.tenant', $1, true)", [proof]);
      for (const statement of statements) {
        const text = statement.replaceAll(
          /%(owner|admin)/g,
          (_, role: "owner" | "admin") => database.roles[role],
        );
        if (text.startsWith("COPY")) {
          for await (const chunk of await attacker.unsafe(text).readable()) seen.push(String(chunk));
        } else
          seen.push(
            JSON.stringify(await attacker.unsafe(text), (_, value) =>
              value?.type === "Buffer" ? Buffer.from(value.data).toString() : value,
            ),
          );
      }
      await attacker.unsafe("COMMIT");
    } catch (error) {
      seen.push(String(error));
      await attacker.unsafe("ROLLBACK");
    }
    await attacker.unsafe("DISCARD TEMP; DEALLOCATE ALL; RESET ALL; RESET ROLE");
    return [...seen, ...notices].join("\n");
  }

  /** The names of the attacks that get through. */
  async function through(proof: string, reads = READS): Promise<readonly string[]> {
    const found: string[] = [];
    const before = await possessions();
    for (const attack of reads) {
      const seen = await seenBy(attack, proof);
      if (seen.includes("victim")) found.push(attack.name);
      if ((await possessions()) !== before) await restore();
    }
    for (const attack of WRITES) {
      if (attack.unfenced) await superuser.unsafe("TRUNCATE groundstate.fenced_range");
      const whole = attack.unfenced ? await possessions() : before;
      await seenBy(attack, proof);
      if ((await possessions()) !== whole) found.push(attack.name);
      if ((await possessions()) !== before) await restore();
    }
    return found;
  }

  const NAMES = [...READS, ...WRITES].map(({ name }) => name);

  test("reaches nothing of another tenant, whatever its SQL", async () => {
    expect(NAMES.length).toBeGreaterThan(50);
    const proof = new TenantProof(database.config.tenantKey).of("mine");
    expect(await through(proof)).toEqual([]);
    // The proof is good: the same statements reach the tenant that it is of.
    expect(await seenBy(READS[0] as Attack, proof)).toContain("mine payload");
    const forged = new TenantProof("another key, of the same length as it").of(VICTIM.tenant);
    // The client emits an error inside a COPY before anybody can listen.
    const withoutCopy = READS.filter(({ statements }) => !statements[0]?.startsWith("COPY"));
    expect(await through(forged, withoutCopy)).toEqual([]);
  });

  test("sees a victim by the victim's own proof alone", async () => {
    const proof = new TenantProof(database.config.tenantKey).of(VICTIM.tenant);
    expect(await seenBy(READS[0] as Attack, proof)).toContain("victim payload");
  });

  test("reaches everything where the tables have no isolation and the role owns them (control)", async () => {
    const { app, owner, admin } = database.roles;
    await superuser.unsafe(`GRANT ${owner}, ${admin} TO ${app}`);
    const tables = ["record", "event", "fenced_range"].map((table) => `groundstate.${table}`);
    for (const table of tables) await superuser.unsafe(`ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY`);
    expect(await through("")).toEqual(NAMES);
  });
});
