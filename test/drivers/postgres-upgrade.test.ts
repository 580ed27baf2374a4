import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { openPostgres } from "../../drivers/postgres/index.js";
import { namesOf } from "../../drivers/postgres/names.js";
import { migrationsOf } from "../../drivers/postgres/schema.js";
import { oldDatabase, VERSION_2, VERSION_3, VERSION_4 } from "./postgres-old-versions.js";
import { apply, failOnUncaughtErrors, failure, open, plainClient, SLOT, save } from "./postgres-rig.js";

failOnUncaughtErrors();

/** Of the migrations that were released: changed, they would leave a new database unlike those that were migrated before. */
const RELEASED = [
  "321c919bcb9c1bd23f5f55e9ebe0fbca865bae8cf727d4aca3f13eae34406fa5",
  "3655fe63005229815ee88620f71093052d278637ac245f0584921cae468a79ff",
  "7e633091a996d6148382c8593844c8f681bfb66cf4b22f5abcdd47e9c7788ce3",
  "d5b6a3f79a7cbf29e61c06c63d3819e321c4c3b641ab6c1ca2f7a191c47e260c",
];

const PENDING = ["fences", "compact-events", "steady-plans"];

test("released migrations are as they were", () => {
  const migrations = migrationsOf(namesOf("groundstate", "")).slice(0, RELEASED.length);
  expect(migrations.map(({ sql }) => createHash("sha256").update(sql).digest("hex"))).toEqual(RELEASED);
});

describe.each([
  // A column that bears another name; before that, a table or a function that is gone.
  { old: VERSION_2, missing: ["42883", "42703", "42P01"] },
  { old: VERSION_3, missing: ["42883", "42P01"] },
  { old: VERSION_4, missing: ["42883", "42P01"] },
])("a database of version $old.version", ({ old, missing }) => {
  test("is migrated when it is opened, with its data", async () => {
    const { url, sql } = await oldDatabase(old);
    for (let n = 0; n < 50; n++) await sql.unsafe(old.save(`e${n}`, `k${n % 20}`));
    expect(await failure(openPostgres({ url, migrate: "verify" }))).toMatchObject({
      code: "SCHEMA_OUTDATED",
      details: { found: old.version, pending: PENDING.slice(old.version - 2) },
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

  test("is migrated under load: acknowledged writes are there, and the old processes write no more", async () => {
    const { url } = await oldDatabase(old);
    const acknowledged: string[] = [];
    const refusals: string[] = [];
    let stop = false;
    const load = Array.from({ length: 3 }, async (_, who) => {
      const sql = plainClient(url);
      for (let n = 0; !stop && refusals.length < 6; n++) {
        const kind = `k${who}-${n}`;
        await sql.unsafe(old.save(`e${who}-${n}`, kind)).then(
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
    // One that locks against the migration is rolled back.
    expect(refusals.filter((code) => ![...missing, "40P01"].includes(code))).toEqual([]);
    const { records } = await driver.scan({
      tenant: "acme",
      prefix: "k",
      limit: 10_000,
      maxBytes: 1e8,
      reverse: false,
    });
    expect(records.map(({ kind }) => kind).toSorted()).toEqual(acknowledged.toSorted());
  });

  test("a call that waits for its lock during the migration does not write afterwards", async () => {
    const { url, sql } = await oldDatabase(old);
    await sql.unsafe(old.save("first", "k"));
    const holder = plainClient(url);
    await holder.unsafe(old.lock);
    const late = sql.unsafe(old.save("late", "k")).then(
      () => "written",
      (error) => error.code,
    );
    await expect
      .poll(
        async () => (await holder`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`).length,
      )
      .toBe(1);
    const driver = await open({ url });
    await holder.unsafe("SELECT pg_advisory_unlock_all()");
    expect(missing).toContain(await late);
    expect(await driver.read([{ ...SLOT, kind: "k" }])).toMatchObject([{ eventId: "first" }]);
  });

  test("no statement of the old version runs any more, prepared before or not", async () => {
    const { url } = await oldDatabase(old);
    const sql = plainClient(url);
    const statements = [old.save("e", "k"), ...old.others];
    const run = async (statement: string) =>
      sql.unsafe(statement, [], { prepare: true }).then(
        () => "done",
        (error) => error.code,
      );
    for (const statement of statements) expect(await run(statement)).toBe("done");
    await open({ url });
    for (const statement of statements) expect(missing).toContain(await run(statement));
    const fresh = plainClient(url);
    for (const statement of statements)
      expect(missing).toContain(await fresh.unsafe(statement).catch(({ code }) => code));
  });
});
