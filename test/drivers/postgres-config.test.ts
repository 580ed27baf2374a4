import postgres from "postgres";
import { describe, expect, test } from "vitest";
import {
  health,
  openPostgres,
  type PostgresConfig,
  pendingMigrations,
} from "../../drivers/postgres/index.js";
import { namesOf } from "../../drivers/postgres/names.js";
import type { ScanQuery } from "../../src/contract/driver.js";
import { erased, IDENTITY } from "../store/store-rig.js";
import {
  apply,
  connectWith,
  createRole,
  failOnUncaughtErrors,
  failure,
  freshDatabase,
  open,
  plainClient,
  SECRETS,
  SLOT,
  save,
  stored,
  withLogin,
} from "./postgres-rig.js";

failOnUncaughtErrors();

const CLIENT_OPTIONS = { max: 1, fetch_types: false, onnotice() {} } as const;
const EVERYTHING: ScanQuery = { prefix: "n", limit: 100, maxBytes: 1e6, reverse: false };

describe("a configuration that is refused before a connection is made", () => {
  const url = `postgres://ann:${SECRETS.password}@127.0.0.1:1/x`;
  const connect = () => postgres(url, CLIENT_OPTIONS);

  test.each<[string, object, string]>([
    ["neither url nor connect", {}, "url"],
    ["both", { url, connect }, "url"],
    ["a url that was forgotten", { url: undefined }, "url"],
    ["an option that was forgotten", { url, poolSize: undefined }, "poolSize"],
    ["an empty url", { url: "" }, "url"],
    ["a url of something else", { url: `mysql://ann:${SECRETS.password}@h/x` }, "url"],
    ["a url that does not parse", { url: `postgres://ann:${SECRETS.password}@h:port/x` }, "url"],
    ["a url with a broken escape", { url: `postgres://ann:${SECRETS.password}%zz@h/x` }, "url"],
    ["a password with a hash", { url: `postgres://ann:#${SECRETS.password}@h/x` }, "url"],
    ["a password with a slash", { url: `postgres://ann:12/${SECRETS.password}@h/x` }, "url"],
    ["a password with a question mark", { url: `postgres://ann:?${SECRETS.password}@h/x` }, "url"],
    ["no function", { connect: postgres }, "connect"],
    ["connect as an object", { connect: {} }, "connect"],
    ["another batch", { url, batch: "tenants" }, "batch"],
    ["prepare as a word", { url, prepare: "false" }, "prepare"],
    ["no connections", { url, poolSize: 0 }, "poolSize"],
    ["a thousand connections", { url, poolSize: 1000 }, "poolSize"],
    ["half a connection", { url, poolSize: 1.5 }, "poolSize"],
    ["no time", { url, timeoutMs: 0 }, "timeoutMs"],
    ["all the time", { url, timeoutMs: Number.POSITIVE_INFINITY }, "timeoutMs"],
    ["an empty schema", { url, schema: "" }, "schema"],
    ["a schema with a quote", { url, schema: 'a"; DROP TABLE x; --' }, "schema"],
    ["a schema in capitals", { url, schema: "Mine" }, "schema"],
    ["a schema of the server's own", { url, schema: "pg_temp" }, "schema"],
    ["a schema with a newline", { url, schema: "a\n" }, "schema"],
    ["a schema that would be cut off", { url, schema: "a".repeat(41) }, "schema"],
    ["a prefix with a quote", { url, tablePrefix: "a'" }, "tablePrefix"],
    ["a prefix with a dollar", { url, tablePrefix: "$apply$" }, "tablePrefix"],
    ["a prefix that would be cut off", { url, tablePrefix: "a".repeat(41) }, "tablePrefix"],
  ])("%s", async (_, config, field) => {
    for (const ask of [openPostgres, health, pendingMigrations] as ((config: PostgresConfig) => unknown)[]) {
      const error = await failure(Promise.resolve(ask(config as PostgresConfig)));
      expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field } });
    }
  });

  test("an unknown migrate mode", async () => {
    const error = await failure(openPostgres({ url, migrate: "maybe" as never }));
    expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field: "migrate" } });
  });

  test("the longest names are neither cut off nor mixed up", () => {
    const names = Object.values(namesOf("s".repeat(40), "p".repeat(40))).map((name) =>
      name.split('"').at(-2),
    );
    for (const name of names) expect(name?.length).toBeLessThanOrEqual(63);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("clients of the caller's own", () => {
  test("are used, one for each connection", async () => {
    const url = await freshDatabase();
    let made = 0;
    const connect = () => {
      made++;
      return postgres(url, CLIENT_OPTIONS);
    };
    const driver = await open({ connect, poolSize: 3 });
    await Promise.all(Array.from({ length: 20 }, () => driver.read([SLOT])));
    expect(await driver.status()).toMatchObject({ pool: { size: 3, waiting: 0 } });
    // One more found no schema, one opened it, and one made the migrations.
    expect(made).toBe(6);
    expect(await apply(driver, [save()])).toMatchObject([{ is: "applied" }]);
    expect(await health({ connect })).toMatchObject({ reachable: true });
    expect(JSON.stringify(await driver.status())).not.toContain(new URL(url).password);
  });

  test.each<[string, (url: string) => () => postgres.Sql]>([
    [
      "the same one twice",
      (url) => {
        const shared = postgres(url, CLIENT_OPTIONS);
        return () => shared;
      },
    ],
    ["one of ten connections", (url) => () => postgres(url, { fetch_types: false })],
    ["one that asks for types", (url) => () => postgres(url, { max: 1 })],
  ])("refused: %s", async (_, connectTo) => {
    const error = await failure(openPostgres({ connect: connectTo(await freshDatabase()) }));
    expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field: "connect" } });
    expect(error.message).toContain("{ max: 1, fetch_types: false }");
  });

  test.each<[string, postgres.Options<Record<string, postgres.PostgresType>>]>([
    ["one that renames columns", { transform: postgres.camel }],
    ["one that changes values", { transform: { value: { from: String } } }],
    [
      "one that reads bytes its own way",
      { types: { bytea: { to: 17, from: [17], serialize: String, parse: String } } },
    ],
  ])("refused: %s", async (_, options) => {
    const url = await freshDatabase();
    const error = await failure(
      openPostgres({ connect: () => postgres(url, { ...CLIENT_OPTIONS, ...options }) }),
    );
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("without transform");
  });

  test("the error of a caller's function that throws shows nothing of the thrown value", async () => {
    const connect = () => {
      throw new Error(`no client for ${SECRETS.password}`);
    };
    expect(await failure(openPostgres({ connect, openTimeoutMs: 0 }))).toMatchObject({ code: "UNAVAILABLE" });
  });

  test("one whose connection was ended is not used again", async () => {
    const url = await freshDatabase();
    const closed: number[] = [];
    let made = 0;
    const connect = () => {
      made++;
      return postgres(url, { ...CLIENT_OPTIONS, onclose: (id) => closed.push(id) });
    };
    const driver = await open({ connect, poolSize: 1 });
    expect(await driver.read([SLOT])).toEqual([undefined]);
    await plainClient(url).unsafe(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    // Finding no schema, opening and migrating had one each before; what the caller listens for still reaches them.
    await expect.poll(() => closed).toHaveLength(4);
    expect(await driver.read([SLOT])).toEqual([undefined]);
    expect(made).toBe(5);
  });

  test("the types of the real client fit", () => {
    const config: PostgresConfig = { connect: () => postgres("postgres://h/x", CLIENT_OPTIONS) };
    const typed: PostgresConfig = {
      connect: () => postgres("postgres://h/x", { ...CLIENT_OPTIONS, types: { bigint: postgres.BigInt } }),
    };
    // @ts-expect-error: a query is not a client
    const wrong: PostgresConfig = { connect: () => postgres("postgres://h/x")`SELECT 1` };
    expect([config, typed, wrong]).toHaveLength(3);
  });

  test("a client that returns bigints is read correctly", async () => {
    const url = await freshDatabase();
    const types = { bigint: postgres.BigInt };
    const driver = await open({ connect: () => postgres(url, { ...CLIENT_OPTIONS, types }) });
    const version = Number.MAX_SAFE_INTEGER;
    await apply(driver, [save({ eventId: "1", version })]);
    expect(await driver.read([SLOT])).toMatchObject([{ eventId: "1", version, updatedAt: 1 }]);
    expect(await erased(driver, "acme", "ann", "s1")).toBe(1);
  });
});

describe("several stores in one database", () => {
  test("are isolated from each other", async () => {
    const url = await freshDatabase();
    const configs: PostgresConfig[] = [
      { url },
      { url, schema: "other" },
      { url, tablePrefix: "a_" },
      { url, schema: "other", tablePrefix: "a_" },
      { url, schema: "a".repeat(40), tablePrefix: "b".repeat(40) },
      { url, schema: "select", tablePrefix: "table" },
    ];
    const drivers = await Promise.all(configs.map(open));
    for (const [index, driver] of drivers.entries()) {
      const version = index;
      expect(await apply(driver, [save({ eventId: "same", version }, null)])).toEqual([
        { is: "applied", existed: [false] },
      ]);
    }
    for (const [index, driver] of drivers.entries()) {
      expect((await driver.scan(EVERYTHING)).records).toMatchObject([{ version: index }]);
    }
    expect(await erased(drivers[0] as NonNullable<(typeof drivers)[0]>, "acme", "ann", "s1")).toBe(1);
    for (const driver of drivers.slice(1))
      expect(await driver.read([SLOT])).toMatchObject([{ eventId: "same" }]);
  });

  test("the driver needs nothing of the search path", async () => {
    const url = await freshDatabase();
    await plainClient(url).unsafe(`
      CREATE SCHEMA trap; CREATE TABLE trap.record (); CREATE TABLE trap.event ();
      CREATE FUNCTION trap.length(bytea) RETURNS int LANGUAGE sql AS 'SELECT 1 / 0';`);
    const driver = await open({ url: `${url}?search_path=trap`, schema: "mine" });
    expect(await apply(driver, [save({ eventId: "1" })])).toMatchObject([{ is: "applied" }]);
    expect((await driver.scan(EVERYTHING)).records).toHaveLength(1);
    expect(await driver.readByEventId(IDENTITY, "1")).toMatchObject({ eventId: "1" });
  });
});

describe("a database with a collation that is not by bytes", () => {
  const KINDS = ["B", "a", "a/", "a/Z", "a/_", "a/a", "a/é", "aB", "a\ufffd", "a\u{1f600}", "b", "é"];

  async function filled() {
    const url = await freshDatabase("LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C' TEMPLATE template0");
    expect(await plainClient(url)`SELECT 'a' < 'B' AS by_letter`).toEqual([{ by_letter: true }]);
    const driver = await open({ url });
    await apply(
      driver,
      KINDS.map((kind) => save({ kind })),
    );
    return driver;
  }

  test("orders by bytes, in lists", async () => {
    const driver = await filled();
    const list = async (query: Partial<ScanQuery>) => {
      const found = await driver.scan({
        ...EVERYTHING,
        prefix: "",
        tenant: "acme",
        identity: SLOT,
        ...query,
      });
      return found.records.map((record) => record.kind);
    };
    expect(await list({})).toEqual(KINDS);
    expect(await list({ reverse: true })).toEqual(KINDS.toReversed());
    expect(await list({ prefix: "a/" })).toEqual(["a/", "a/Z", "a/_", "a/a", "a/é"]);
    expect(await list({ after: { ...SLOT, kind: "a/Z" } })).toEqual(KINDS.slice(4));
    expect(await list({ before: { ...SLOT, kind: "a/a" } })).toEqual(KINDS.slice(0, 5));
  });

  test("orders by bytes, in scans, whatever the place they begin after", async () => {
    const driver = await filled();
    const scan = async (prefix: string, after: string, tenant?: string) => {
      const query = { ...EVERYTHING, prefix, after: { ...SLOT, kind: after } };
      const found = await driver.scan(tenant === undefined ? query : { ...query, tenant });
      return found.records.map((record) => record.kind);
    };
    for (const tenant of [undefined, "acme"]) {
      expect(await scan("a/a", "a/Z", tenant)).toEqual(["a/a"]);
      expect(await scan("a/", "B", tenant)).toEqual(["a/", "a/Z", "a/_", "a/a", "a/é"]);
      expect(await scan("a", "a/_", tenant)).toEqual(["a/a", "a/é", "aB", "a\ufffd", "a\u{1f600}"]);
      expect(await scan("a", "b", tenant)).toEqual([]);
    }
  });

  test("a cursor in another tenant is before or after all records of this one", async () => {
    const driver = await filled();
    const from = (tenant: string) =>
      driver.scan({ ...EVERYTHING, prefix: "a", tenant: "acme", after: { ...SLOT, tenant, kind: "b" } });
    expect((await from("Z")).records).toHaveLength(9);
    expect((await from("b")).records).toHaveLength(0);
  });
});

test("the target is shown without the password", async () => {
  const url = await freshDatabase();
  const sql = plainClient(url);
  const { user, password } = await createRole(sql, "SUPERUSER", `p:@/#%${SECRETS.password}`);
  const driver = await open({ url: withLogin(url, user, password) });
  const { target } = await driver.status();
  expect(target).toMatch(/^postgres:\/\/role_\w+:\*\*\*@127\.0\.0\.1:\d+\/test_\w+$/);
  expect(await stored(sql)).toEqual([]);
});

test("behind a client that forgets its session after each statement", async () => {
  const url = await freshDatabase();
  const kept = { before: 0, after: 0 };
  const PREPARED = "SELECT FROM pg_prepared_statements WHERE NOT from_sql";
  const forget = connectWith(url, async (_, run, client) => {
    const rows = await run();
    kept.before = (await client.unsafe(PREPARED)).length;
    await client.unsafe("DISCARD ALL");
    kept.after = (await client.unsafe(PREPARED)).length;
    return rows;
  });
  const driver = await open({ connect: forget, prepare: false });
  for (let round = 0; round < 10; round++) {
    expect(await apply(driver, [save({ kind: String(round) })])).toMatchObject([{ is: "applied" }]);
  }
  expect(
    (await driver.scan({ ...EVERYTHING, prefix: "", tenant: "acme", identity: SLOT })).records,
  ).toHaveLength(10);

  // The rig does forget: with prepared statements there would be some to be seen.
  expect(kept).toEqual({ before: 0, after: 0 });
  const preparing = await open({ connect: forget, prepare: true });
  expect(await apply(preparing, [save()])).toMatchObject([{ is: "applied" }]);
  expect(kept).toEqual({ before: 1, after: 0 });
});
