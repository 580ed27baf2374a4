import { expect, test } from "vitest";
import type { Driver } from "../../src/contract/driver.js";
import {
  apply,
  createRole,
  failOnUncaughtErrors,
  failure,
  migratedDatabase,
  open,
  openFresh,
  plainClient,
  SECRETS,
  type Sql,
  save,
  stored,
  withLogin,
} from "./postgres-rig.js";

failOnUncaughtErrors();

const TABLES = ["record", "event"];

/** The data of one database in the tables of another, as a restore of the data alone leaves it: without its sequences. */
async function copyData(from: Sql, to: Sql): Promise<void> {
  for (const table of TABLES) {
    const [all] = await from.unsafe(`SELECT json_agg(t)::text AS rows FROM groundstate.${table} AS t`);
    await to.unsafe(
      `INSERT INTO groundstate.${table}
       SELECT * FROM json_populate_recordset(NULL::groundstate.${table}, $1::text::json)`,
      [all?.rows] as never,
    );
  }
}

async function filled(): Promise<{ url: string; sql: Sql }> {
  const { url, driver, sql } = await openFresh();
  await apply(
    driver,
    Array.from({ length: 200 }, (_, n) => save({ kind: `old${n}` })),
  );
  return { url, sql };
}

const APPLIED = { is: "applied", existed: [false] };

test("after a restore of the data alone, opening puts the ids right", async () => {
  const { sql } = await filled();
  const url = await migratedDatabase();
  await (await open({ url })).close();
  await copyData(sql, plainClient(url));
  const drivers = await Promise.all([open({ url }), open({ url }), open({ url })]);
  for (let n = 0; n < 5; n++) {
    const outcomes = await Promise.all(
      drivers.map((driver, who) => apply(driver, [save({ session: `s${who}`, kind: `new${n}` })])),
    );
    expect(outcomes).toEqual(Array(3).fill([APPLIED]));
  }
});

test("a store that was open during the restore corrects the ids at its next save, whatever the batch holds", async () => {
  const { sql } = await filled();
  const { url, driver, sql: other } = await openFresh();
  const second = await open({ url, migrate: "off" });
  await copyData(sql, other);
  const many = Array.from({ length: 64 }, (_, n) => save({ kind: `new${n}` }));
  expect(await apply(driver, many)).toEqual(many.map(() => APPLIED));
  expect(await apply(second, [save({ kind: "lone" })])).toEqual([APPLIED]);
  await other`SELECT setval('groundstate.record_id', 1, false)`;
  const both = [save({ kind: "one", session: "a" }), save({ kind: "two", session: "b" })];
  const outcomes = await Promise.all(both.map((each, who) => apply([driver, second][who] as Driver, [each])));
  expect(outcomes).toEqual([[APPLIED], [APPLIED]]);
});

test("a sequence that is ahead is left alone", async () => {
  const { sql } = await filled();
  const last = async () => (await sql`SELECT last_value FROM groundstate.record_id`)[0]?.last_value;
  const before = await last();
  expect(await sql`SELECT groundstate.settle_ids_3() AS was_behind`).toEqual([{ was_behind: false }]);
  expect(await last()).toBe(before);
});

test("a role that may not set the sequence opens, and a save names the missing right", async () => {
  const { url, sql } = await filled();
  const { user } = await createRole(sql);
  await sql.unsafe(`GRANT USAGE ON SCHEMA groundstate TO ${user}`);
  await sql.unsafe(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA groundstate TO ${user}`);
  await sql.unsafe(`GRANT USAGE ON SEQUENCE groundstate.record_id TO ${user}`);
  await sql`SELECT setval('groundstate.record_id', 1, false)`;
  const guest = await open({ url: withLogin(url, user, SECRETS.password) });
  expect(await failure(apply(guest, [save({ kind: "new" })]))).toMatchObject({
    code: "UNAVAILABLE",
    details: { reason: "setup" },
  });
  expect(await stored(sql)).toHaveLength(200);
  await sql.unsafe(`GRANT UPDATE ON SEQUENCE groundstate.record_id TO ${user}`);
  expect(await apply(guest, [save({ kind: "new" })])).toEqual([APPLIED]);
});
