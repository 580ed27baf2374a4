import { expect, test } from "vitest";
import { openPostgres } from "../../drivers/postgres/index.js";
import { namesOf } from "../../drivers/postgres/names.js";
import { migrationsOf } from "../../drivers/postgres/schema.js";
import {
  apply,
  failOnUncaughtErrors,
  failure,
  freshDatabase,
  open,
  plainClient,
  SLOT,
  type Sql,
  save,
} from "./postgres-rig.js";

failOnUncaughtErrors();

/** The lock of a session in the previous version. */
const OLD_LOCK =
  "SELECT pg_advisory_lock(hashtextextended('acme' || chr(1) || 'ann' || chr(1) || 's1', 20261120))";

/** A database of the previous version. */
async function oldDatabase(): Promise<{ url: string; sql: Sql }> {
  const url = await freshDatabase();
  const sql = plainClient(url);
  await sql.unsafe(`CREATE SCHEMA groundstate;
    CREATE TABLE groundstate.migration (version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL)`);
  for (const { version, name, sql: statements } of migrationsOf(namesOf("groundstate", "")).slice(0, 2)) {
    await sql.unsafe(statements);
    await sql`INSERT INTO groundstate.migration VALUES (${version}, ${name}, now())`;
  }
  return { url, sql };
}

/** A save of one record, as a process of the previous version sends it. */
function oldSave(sql: Sql, eventId: string, kind: string) {
  const fingerprint = "f".repeat(43);
  return sql.unsafe(`
    SELECT * FROM groundstate.apply_1(86400000, '5000', 9999999999999, '{1}', '{save}', '{acme}', '{ann}', '{s1}', '{""}',
      '{${kind}}', '{0}', '{NULL}', '{${eventId}}', '{${fingerprint}}', '{0}', '{1}', '{3}', 'old')`);
}

test("opening migrates a database of the previous version, with its data", async () => {
  const { url, sql } = await oldDatabase();
  for (let n = 0; n < 50; n++) await oldSave(sql, `e${n}`, `k${n % 20}`);
  expect(await failure(openPostgres({ url, migrate: "verify" }))).toMatchObject({
    code: "SCHEMA_OUTDATED",
    details: { found: 2, pending: ["fences"] },
  });
  const driver = await open({ url });
  const [found] = await driver.read([{ ...SLOT, kind: "k7" }]);
  expect(found).toMatchObject({ eventId: "e47", bytes: Buffer.from("old"), version: 0, updatedAt: 1 });
  const scan = { tenant: "acme", prefix: "k", limit: 100, maxBytes: 1e6, reverse: false };
  expect((await driver.scan(scan)).records).toHaveLength(20);
  // What was seen is still seen, and ids go on where they were.
  expect(await apply(driver, [save({ eventId: "e3", kind: "else" })])).toEqual([
    { is: "conflict", write: 0 },
  ]);
  const commits = Array.from({ length: 64 }, (_, n) => save({ kind: `k${n}`, eventId: `new${n}` }));
  const outcomes = await apply(driver, commits);
  expect(outcomes.filter((outcome) => outcome.is === "applied" && outcome.existed[0])).toHaveLength(20);
});

test("under the load of processes of the previous version: their acknowledged writes are there, and they write no more", async () => {
  const { url } = await oldDatabase();
  const acknowledged: string[] = [];
  const refusals: string[] = [];
  let stop = false;
  const load = Array.from({ length: 3 }, async (_, who) => {
    const sql = plainClient(url);
    for (let n = 0; !stop && refusals.length < 6; n++) {
      const kind = `k${who}-${n}`;
      await oldSave(sql, `e${who}-${n}`, kind).then(
        () => acknowledged.push(kind),
        (error) => refusals.push(error.code),
      );
    }
  });
  await expect.poll(() => acknowledged.length).toBeGreaterThan(30);
  const driver = await open({ url });
  // Saves of the new kind while the old ones still try.
  for (let n = 0; n < 20; n++)
    expect(await apply(driver, [save({ kind: `new${n}` })])).toMatchObject([{ is: "applied" }]);
  await expect.poll(() => refusals.length).toBeGreaterThan(5);
  stop = true;
  await Promise.all(load);
  // A function that is gone, or a column that bears another name; who locks against the migration is rolled back.
  expect(refusals.filter((code) => !["42883", "42703", "42P01", "40P01"].includes(code))).toEqual([]);
  const { records } = await driver.scan({
    tenant: "acme",
    prefix: "k",
    limit: 10_000,
    maxBytes: 1e8,
    reverse: false,
  });
  expect(records.map(({ kind }) => kind).toSorted()).toEqual(acknowledged.toSorted());
});

test("a call of the previous version that waits for its lock during the migration does not write afterwards", async () => {
  const { url, sql } = await oldDatabase();
  await oldSave(sql, "first", "k");
  const holder = plainClient(url);
  await holder.unsafe(OLD_LOCK);
  const late = oldSave(sql, "late", "k").then(
    () => "written",
    (error) => error.code,
  );
  await expect
    .poll(async () => (await holder`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`).length)
    .toBe(1);
  const driver = await open({ url });
  expect(await apply(driver, [save({ eventId: "second", kind: "k" }, "first")])).toMatchObject([
    { is: "applied" },
  ]);
  await holder.unsafe("SELECT pg_advisory_unlock_all()");
  expect(await late).toBe("42703");
  expect(await driver.read([{ ...SLOT, kind: "k" }])).toMatchObject([{ eventId: "second" }]);
});
