import net, { type AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { health, openPostgres, pendingMigrations } from "../../drivers/postgres/index.js";
import { erased, IDENTITY } from "../store/store-rig.js";
import { stallFrom, startProxy } from "./postgres-proxy.js";
import {
  apply,
  connectWith,
  createRole,
  failOnUncaughtErrors,
  failure,
  failureWithin,
  freshDatabase,
  inProcess,
  open,
  openFresh,
  plainClient,
  remove,
  SECRETS,
  SLOT,
  save,
  stored,
  withLogin,
  withPort,
} from "./postgres-rig.js";

failOnUncaughtErrors();

/** Shorter than the defaults, so that failing tests end soon. */
const SHORT_TIMEOUTS = { timeoutMs: 500, openTimeoutMs: 0 };
const MARGIN_MS = 4000;

describe("a server that does not speak the protocol, or not in time", () => {
  test("a wrong password", async () => {
    const url = withLogin(await freshDatabase(), "postgres", SECRETS.password);
    const error = await failureWithin(5000, openPostgres({ url }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("password");
    expect(await health({ url })).toMatchObject({
      reachable: false,
      error: { details: { reason: "setup" } },
    });
    await expect(pendingMigrations({ url })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  test("no server on the port", async () => {
    const url = withPort(await freshDatabase(), await freePort());
    const error = await failureWithin(5000, openPostgres({ url, openTimeoutMs: 0 }));
    expect(error).toMatchObject({
      code: "UNAVAILABLE",
      retryable: true,
      details: { reason: "unreachable" },
    });
    expect(error.message).toContain("host and its port");
    expect(await health({ url })).toMatchObject({ reachable: false });
  });

  test("no host of that name", async () => {
    const error = await failureWithin(
      9000,
      openPostgres({ url: "postgres://host.invalid/x", openTimeoutMs: 0 }),
    );
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });
  });

  test("a database that does not exist", async () => {
    const url = new URL(await freshDatabase());
    url.pathname = "nowhere";
    const error = await failureWithin(5000, openPostgres({ url: url.href }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("create it");
  });

  test("a server that accepts and never answers", async () => {
    const url = withPort(await freshDatabase(), await listen(() => {}));
    const error = await failureWithin(
      SHORT_TIMEOUTS.timeoutMs + MARGIN_MS,
      openPostgres({ url, ...SHORT_TIMEOUTS }),
    );
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });
    expect(error.message).toContain("does not answer");
    expect(await health({ url, ...SHORT_TIMEOUTS })).toMatchObject({ reachable: false });
  });

  test("a server that accepts and closes at once, which is not dialed any more after the deadline", async () => {
    let accepted = 0;
    const port = await listen((socket) => {
      accepted++;
      socket.end();
    });
    const url = withPort(await freshDatabase(), port);
    const error = await failureWithin(
      SHORT_TIMEOUTS.timeoutMs + MARGIN_MS,
      openPostgres({ url, ...SHORT_TIMEOUTS }),
    );
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });

    await sleep(100);
    const before = accepted;
    await sleep(300);
    expect(before).toBeGreaterThan(0);
    expect(accepted).toBe(before);
  });

  test("a server that speaks another protocol", async () => {
    const url = withPort(
      await freshDatabase(),
      await listen((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
    );
    const error = await failureWithin(
      SHORT_TIMEOUTS.timeoutMs + MARGIN_MS,
      openPostgres({ url, ...SHORT_TIMEOUTS }),
    );
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });
  });

  test("a server that has no TLS where it was asked for", async () => {
    const error = await failureWithin(
      SHORT_TIMEOUTS.timeoutMs + MARGIN_MS,
      openPostgres({ url: `${await freshDatabase()}?sslmode=require`, ...SHORT_TIMEOUTS }),
    );
    expect(error).toMatchObject({ code: "UNAVAILABLE" });
  });

  test.each([
    ["at the first statement", "server_encoding", 0],
    ["when it is asked for its version", "to_regclass", 0],
    ["during the first migration", "$migrate$", 0],
    ["during the second migration", "$migrate$", 1],
  ])("a server that stops answering %s", async (_, statement, count) => {
    const url = await freshDatabase();
    const proxy = await startProxy(url);
    proxy.onRequest = stallFrom(count, statement);
    const target = withPort(url, proxy.port);
    // Twice: during a migration, another statement tells a server that is gone from one that is busy.
    const error = await failureWithin(
      2 * SHORT_TIMEOUTS.timeoutMs + MARGIN_MS,
      openPostgres({ url: target, ...SHORT_TIMEOUTS }),
    );
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });

    proxy.resume();
    const driver = await open({ url: target });
    expect(await apply(driver, [save()])).toMatchObject([{ is: "applied" }]);
  });
});

describe("a role without rights", () => {
  test("may not create the schema", async () => {
    const url = await freshDatabase();
    const { user, password } = await createRole(plainClient(url));
    const error = await failureWithin(5000, openPostgres({ url: withLogin(url, user, password) }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("grant it");
    await expect(stored(plainClient(url))).rejects.toMatchObject({ code: "42P01" });
  });

  test("works in a schema that exists and is its own", async () => {
    const url = await freshDatabase();
    const sql = plainClient(url);
    const { user, password } = await createRole(sql);
    await sql.unsafe(`CREATE SCHEMA groundstate AUTHORIZATION ${user}`);
    const driver = await open({ url: withLogin(url, user, password) });
    expect(await apply(driver, [save()])).toMatchObject([{ is: "applied" }]);
  });

  test("may not read the schema, or not write", async () => {
    const { url, sql, driver } = await openFresh();
    await apply(driver, [save({ eventId: "first" })]);
    const { user, password } = await createRole(sql);
    const guest = withLogin(url, user, password);

    expect(await failure(openPostgres({ url: guest }))).toMatchObject({
      code: "UNAVAILABLE",
      details: { reason: "setup" },
    });

    await sql.unsafe(`GRANT USAGE ON SCHEMA groundstate TO ${user}`);
    await sql.unsafe(`GRANT SELECT ON ALL TABLES IN SCHEMA groundstate TO ${user}`);
    expect((await failure(openPostgres({ url: guest }))).message).toContain("INSERT on table record");
    const reader = await open({ url: guest, migrate: "off" });
    expect(await reader.read([SLOT])).toMatchObject([{ eventId: "first" }]);
    const error = await failure(apply(reader, [save({ bytes: Buffer.from(SECRETS.payload) })]));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("grant it");
  });
});

test("one connection is enough, to open and migrate as to work", async () => {
  const url = await freshDatabase();
  const sql = plainClient(url);
  const { user, password } = await createRole(sql, "CONNECTION LIMIT 1");
  await sql.unsafe(`GRANT CREATE ON DATABASE ${new URL(url).pathname.slice(1)} TO ${user}`);
  const driver = await open({ url: withLogin(url, user, password), poolSize: 1 });
  expect(await apply(driver, [save({ eventId: "first" })])).toMatchObject([{ is: "applied" }]);
  const calls = Array.from({ length: 10 }, () => driver.read([SLOT]));
  for (const records of await Promise.all(calls)) expect(records).toMatchObject([{ eventId: "first" }]);
});

test.each(["apply", "verify"] as const)(
  "with %s, a database that is up to date is opened by the first statement of the connection",
  async (migrate) => {
    const { url } = await openFresh();
    const sent: string[] = [];
    const connect = connectWith(url, ({ text }, run) => {
      sent.push(text);
      return run();
    });
    await open({ connect, migrate, poolSize: 1 });
    expect(sent).toHaveLength(1);
  },
);

test("a database that is up to date is opened by one message beyond those of connecting", async () => {
  const { url } = await openFresh();
  const proxy = await startProxy(url);
  const messages: string[] = [];
  proxy.onRequest = (data) => {
    messages.push(data.toString("latin1", 0, 1));
    return "pass";
  };
  await open({ url: withPort(url, proxy.port) });
  // The simple query, after which the client waits for nothing else. https://www.postgresql.org/docs/current/protocol-flow.html
  expect(messages.filter((type) => type === "Q")).toHaveLength(1);
  expect(messages.filter((type) => type === "P" || type === "B")).toEqual([]);
});

describe("a database with a wrong schema, encoding or setting", () => {
  test("at a newer schema: left untouched", async () => {
    const { url, sql, driver } = await openFresh();
    await apply(driver, [save()]);
    await sql.unsafe("INSERT INTO groundstate.migration VALUES (1000, 'from-the-future', now())");
    const before = await stored(sql);
    for (const migrate of ["apply", "verify", "off"] as const) {
      const error = await failure(openPostgres({ url, migrate }));
      expect(error).toMatchObject({ code: "SCHEMA_TOO_NEW", details: { found: 1000, supported: 5 } });
      expect(error.message).toContain("upgrade groundstate");
    }
    expect(await health({ url })).toMatchObject({ reachable: false, error: { code: "SCHEMA_TOO_NEW" } });
    expect(await stored(sql)).toEqual(before);
  });

  test("empty, and nothing may be changed", async () => {
    const url = await freshDatabase();
    const error = await failure(openPostgres({ url, migrate: "verify" }));
    expect(error).toMatchObject({
      code: "SCHEMA_OUTDATED",
      details: { found: 0, pending: ["tables", "functions", "fences", "compact-events", "steady-plans"] },
    });
    expect(error.message).toContain('migrate: "apply"');

    const driver = await open({ url, migrate: "off" });
    const outdated = {
      code: "SCHEMA_OUTDATED",
      details: { found: 0, pending: ["tables", "functions", "fences", "compact-events", "steady-plans"] },
    };
    expect(await failure(apply(driver, [save()]))).toMatchObject(outdated);
    expect(await failure(driver.read([SLOT]))).toMatchObject(outdated);
    expect(await failure(driver.readByEventId(IDENTITY, "e"))).toMatchObject(outdated);
    expect(await failure(erased(driver, "acme", "ann", "s1"))).toMatchObject(outdated);
    expect(await failure(driver.scan({ prefix: "n", limit: 1, maxBytes: 1, reverse: false }))).toMatchObject(
      outdated,
    );
    expect(await driver.status()).toMatchObject({
      schemaVersion: 0,
      pendingMigrations: ["tables", "functions", "fences", "compact-events", "steady-plans"],
    });

    expect(await pendingMigrations({ url })).toEqual([
      "tables",
      "functions",
      "fences",
      "compact-events",
      "steady-plans",
    ]);
    expect(await health({ url })).toMatchObject({ reachable: true, status: { schemaVersion: 0 } });
    expect(await plainClient(url)`SELECT 1 FROM pg_namespace WHERE nspname = 'groundstate'`).toHaveLength(0);

    await (await openPostgres({ url })).close();
    expect(await pendingMigrations({ url })).toEqual([]);
    expect(await apply(driver, [save()])).toMatchObject([{ is: "applied" }]);
  });

  test("whose schema was renamed: the error names the missing schema, opened before or after", async () => {
    const { url, sql, driver } = await openFresh();
    await apply(driver, [save({ eventId: "first" })]);
    await sql.unsafe("ALTER SCHEMA groundstate RENAME TO elsewhere");
    const error = await failure(openPostgres({ url, migrate: "verify" }));
    expect(error).toMatchObject({ code: "SCHEMA_OUTDATED", details: { found: 0 } });
    expect(error.message).toContain('the schema "groundstate" does not exist: was it renamed');
    for (const call of [() => apply(driver, [save()]), () => driver.read([SLOT])])
      expect((await failure(call())).message).toBe(error.message);
    await sql.unsafe("ALTER SCHEMA elsewhere RENAME TO groundstate");
    expect(await driver.read([SLOT])).toMatchObject([{ eventId: "first" }]);
  });

  test("with a table missing although every migration ran", async () => {
    const { sql, driver } = await openFresh();
    await sql.unsafe("DROP TABLE groundstate.record");
    expect(await failure(driver.read([SLOT]))).toMatchObject({ code: "CORRUPT" });
    expect(await failure(apply(driver, [save()]))).toMatchObject({ code: "CORRUPT" });
  });

  test("not in UTF-8", async () => {
    const url = await freshDatabase(
      "ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0",
    );
    const error = await failure(openPostgres({ url }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("ENCODING 'UTF8'");
  });

  test("read only: the error says so, no call uses it, and it is used again when it is writable", async () => {
    const { url, sql } = await openFresh();
    const readOnly = await failure(
      openPostgres({ url: `${url}?default_transaction_read_only=on`, openTimeoutMs: 0 }),
    );
    expect(readOnly).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });
    expect(readOnly.message).toContain("primary");

    const driver = await open({ url, timeoutMs: 1000 });
    await apply(driver, [save({ eventId: "first" })]);
    const name = new URL(url).pathname.slice(1);
    await sql.unsafe(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await sql.unsafe(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    // The first may meet the end of its connection.
    await failure(driver.read([SLOT]));
    const calls = [apply(driver, [save()]), apply(driver, [remove()]), driver.read([SLOT])];
    for (const error of await Promise.all(calls.map(failure))) {
      expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });
      expect(error.message).toContain("primary");
    }
    expect(await stored(sql)).toHaveLength(1);
    await sql.unsafe(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    expect(await driver.read([SLOT])).toMatchObject([{ eventId: "first" }]);
  });

  test("with another default isolation level: overridden, or refused at once where that is impossible", async () => {
    const url = await freshDatabase();
    const sql = plainClient(url);
    for (const level of ["serializable", "repeatable read"]) {
      const { user, password } = await createRole(sql, "SUPERUSER");
      await sql.unsafe(`ALTER ROLE ${user} SET default_transaction_isolation = '${level}'`);
      const strict = withLogin(url, user, password);
      const driver = await open({ url: strict });
      expect(await apply(driver, [save()])).toMatchObject([{ is: "applied" }]);

      const error = await failure(openPostgres({ url: strict, prepare: false }));
      expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
      expect(error.message).toContain("read committed");
    }
  });

  test("whose role loses the isolation level later: refused by the function itself", async () => {
    const { url, sql } = await openFresh();
    const name = new URL(url).pathname.slice(1);
    const driver = await open({ url, prepare: false });
    await sql.unsafe(`ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`);
    await sql.unsafe(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    await sleep(100);
    const error = await failure(apply(driver, [save()]));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(await stored(sql)).toHaveLength(0);
  });

  test("that does not wait for the disk: the function does", async () => {
    const { url, sql } = await openFresh();
    await sql.unsafe("SET synchronous_commit = off");
    await sql.unsafe("BEGIN");
    await sql.unsafe(
      "SELECT * FROM groundstate.sweep_3('1000', 9999999999999, 't', 'u', 's', '', '', 'z', '', 1, 1)",
    );
    expect(await sql`SHOW synchronous_commit`).toEqual([{ synchronous_commit: "on" }]);
    await sql.unsafe("COMMIT");
    expect(await sql`SHOW synchronous_commit`).toEqual([{ synchronous_commit: "off" }]);
    expect(url).toBeTruthy();
  });
});

describe("migrations", () => {
  test("four processes at once run each of them once", async () => {
    const url = await freshDatabase();
    const source = `
      const driver = await openPostgres({ url: args.url });
      const [outcome] = await driver.apply([saveOf({ kind: String(process.pid), eventId: String(process.pid) })], times);
      await driver.close();
      console.log(JSON.stringify(outcome));
    `;
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => inProcess(source, { url })));
    expect(outcomes).toEqual(Array(4).fill({ is: "applied", existed: [false] }));
    const sql = plainClient(url);
    expect(await sql`SELECT version, name FROM groundstate.migration ORDER BY version`).toEqual([
      { version: 1, name: "tables" },
      { version: 2, name: "functions" },
      { version: 3, name: "fences" },
      { version: 4, name: "compact-events" },
      { version: 5, name: "steady-plans" },
    ]);
    expect(await stored(sql)).toHaveLength(4);
  });

  test("a process that dies in the middle leaves a database that the next one completes", async () => {
    const url = await freshDatabase();
    const proxy = await startProxy(url);
    let migrations = 0;
    proxy.onRequest = (data) => (data.includes("$migrate$") && ++migrations === 2 ? "cut" : "pass");
    const error = await failureWithin(
      60_000,
      openPostgres({ url: withPort(url, proxy.port), timeoutMs: 30_000, openTimeoutMs: 0 }),
    );
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });
    expect(await pendingMigrations({ url })).toEqual([
      "functions",
      "fences",
      "compact-events",
      "steady-plans",
    ]);
    expect(await failure(openPostgres({ url, migrate: "verify" }))).toMatchObject({
      details: { found: 1, pending: ["functions", "fences", "compact-events", "steady-plans"] },
    });
    const driver = await open({ url });
    expect(await apply(driver, [save()])).toMatchObject([{ is: "applied" }]);
  });

  test("a migration that takes longer than timeoutMs goes on while the server answers", async () => {
    const url = await freshDatabase();
    const other = plainClient(url);
    // As if another process were migrating.
    await other.unsafe("SELECT pg_advisory_lock(7310582642901137)");
    let opened = false;
    const opening = open({ url, timeoutMs: 1_000 }).then((driver) => {
      opened = true;
      return driver;
    });
    await sleep(3000);
    expect(opened).toBe(false);
    await other.unsafe("SELECT pg_advisory_unlock_all()");
    expect(await apply(await opening, [save()])).toMatchObject([{ is: "applied" }]);
  });
});

test("a process whose open failed, or whose driver is closed, ends by itself", async () => {
  const url = await freshDatabase();
  const silent = withPort(url, await listen(() => {}));
  const closing = withPort(url, await listen((socket) => socket.end()));
  const stalled = await Promise.all(
    [1, 2].map(async () => {
      const proxy = await startProxy(url);
      proxy.onRequest = stallFrom(0, `FROM "groundstate"."apply_one_2"`);
      return withPort(url, proxy.port);
    }),
  );
  const source = `
    const errors = [];
    const note = (error) => errors.push(error.code);
    for (const url of [args.silent, args.closing]) await openPostgres({ url, timeoutMs: 500, openTimeoutMs: 0 }).catch(note);
    const stalled = await openPostgres({ url: args.stalled[0], timeoutMs: 500 });
    await stalled.apply([saveOf({ eventId: "1" })], times).catch(note);
    await stalled.close();
    const late = await openPostgres({ url: args.stalled[1], timeoutMs: 20_000 });
    const unfinished = late.apply([saveOf({ eventId: "1" })], times).catch(note);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await late.close();
    await unfinished;
    const driver = await openPostgres({ url: args.url });
    const [outcome] = await driver.apply([saveOf({ eventId: "1" })], times);
    await Promise.all([1, 2, 3, 4, 5].map(() => driver.read([slot])));
    await driver.close();
    console.log(JSON.stringify([...errors, outcome.is]));
  `;
  expect(await inProcess(source, { url, silent, closing, stalled })).toEqual([
    "UNAVAILABLE",
    "UNAVAILABLE",
    "OUTCOME_UNKNOWN",
    "OUTCOME_UNKNOWN",
    "applied",
  ]);
});

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A port where another program than Postgres listens. */
async function listen(onConnection: (socket: net.Socket) => void): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A port where no program listens. */
async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
