import { describe, expect, onTestFinished, test } from "vitest";
import { readAddress } from "../../drivers/postgres/address.js";
import { ClientPool } from "../../drivers/postgres/client-pool.js";
import { connectorOf } from "../../drivers/postgres/connector.js";
import { erased, IDENTITY } from "../store/store-rig.js";
import { FakeClient, fakePool, READY, turn } from "./postgres-fake-client.js";
import { startProxy } from "./postgres-proxy.js";
import {
  apply,
  connectWith,
  failOnUncaughtErrors,
  failure,
  failureWithin,
  freshDatabase,
  migratedDatabase,
  open,
  plainClient,
  type Rows,
  remove,
  SLOT,
  save,
  stored,
  withPort,
} from "./postgres-rig.js";

failOnUncaughtErrors();

describe("clients", () => {
  test("are made when they are needed, and no more of them than may be", async () => {
    const { pool, clients, queries } = fakePool();
    expect(pool.status()).toEqual({ size: 0, idle: 0, waiting: 0 });
    const calls = ["a", "b", "c", "d"].map((text) => pool.run(text, [], "read"));
    await turn();
    expect(pool.status()).toEqual({ size: 2, idle: 0, waiting: 2 });
    expect(queries().map(({ text }) => text)).toEqual(["a", "b"]);
    for (let answered = 0; answered < 4; answered++) {
      for (const { text, resolve } of queries()) resolve([{ text }]);
      await turn();
    }
    expect(await Promise.all(calls)).toEqual([
      [{ text: "a" }],
      [{ text: "b" }],
      [{ text: "c" }],
      [{ text: "d" }],
    ]);
    expect(clients).toHaveLength(2);
    expect(pool.status()).toEqual({ size: 2, idle: 2, waiting: 0 });
  });

  test("are waited for in order of arrival, with a deadline and up to a limit", async () => {
    const { pool, queries } = fakePool({ size: 1, timeoutMs: 200 });
    const first = pool.run("first", [], "write");
    await turn();
    const waiting = Array.from({ length: 10_000 }, () => pool.run("late", [], "write"));
    const more = await failure(pool.run("one more", [], "write"));
    expect(more).toMatchObject({ code: "UNAVAILABLE", retryable: true, details: { reason: "busy" } });
    expect(more.message).toContain("poolSize");

    const outcomes = await Promise.allSettled([first, ...waiting]);
    const codes = outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.code);
    expect(codes[0]).toBe("OUTCOME_UNKNOWN");
    // Of what was not sent, nothing was written.
    const sent = queries().length;
    expect(sent).toBeLessThan(100);
    expect(codes.filter((code) => code === "OUTCOME_UNKNOWN")).toHaveLength(sent);
    expect(codes.filter((code) => code === "UNAVAILABLE")).toHaveLength(10_001 - sent);
    expect(pool.status()).toMatchObject({ waiting: 0 });
  });

  test("are not used again after any error, and a waiting call gets a new one", async () => {
    const { pool, clients, queries } = fakePool({ size: 1 });
    for (const severity of ["ERROR", "FATAL", undefined]) {
      const failing = pool.run("failing", [], "read");
      const waiting = pool.run("waiting", [], "read");
      await turn();
      clients.at(-1)?.queries[0]?.reject(Object.assign(new Error("raw"), { code: "40001", severity }));
      await failure(failing);
      await turn();
      expect(clients.at(-2)?.ended).toBe(0);
      clients.at(-1)?.queries[0]?.resolve([]);
      await waiting;
      clients.at(-1)?.queries.splice(0);
    }
    expect(clients).toHaveLength(4);
    expect(queries().filter(({ text }) => text === "waiting")).toHaveLength(0);
  });

  test("that close while idle are replaced, and while busy are not handed on", async () => {
    const { pool, clients, closers, queries } = fakePool({ size: 1 });
    const one = pool.run("one", [], "read");
    await turn();
    closers[0]?.();
    queries()[0]?.resolve([]);
    await one;
    expect(pool.status()).toMatchObject({ size: 0, idle: 0 });

    const two = pool.run("two", [], "read");
    await turn();
    clients[1]?.queries[0]?.resolve([]);
    await two;
    closers[1]?.();
    expect(pool.status()).toMatchObject({ size: 0, idle: 0 });
    expect(clients.map(({ ended }) => ended)).toEqual([0, 0]);
  });

  test("never get a parameter that they would change or fail on, and stay usable", async () => {
    const { pool, clients } = fakePool();
    const throwing = {
      toString: () => "payload-secret",
      get length() {
        throw new Error("payload-secret");
      },
    };
    const bad = [
      undefined,
      7,
      10n,
      true,
      Symbol("payload-secret"),
      new Date(),
      {},
      [],
      throwing,
      new Uint8Array(1),
      Buffer.alloc(1),
    ];
    for (const value of [...bad, new String("payload-secret"), "payload-secret\ud800", "\udc00"]) {
      for (const intent of ["read", "write"] as const) {
        const error = await failure(pool.run("bad", ["good", value] as never, intent));
        expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field: "parameter 2" } });
      }
    }
    expect(clients).toHaveLength(0);
    for (const value of ["", "a\ufffd", "\u{1f600}", null]) {
      const call = pool.run("good", [value], "read");
      await turn();
      expect(clients[0]?.queries[0]?.parameters).toEqual([value]);
      clients[0]?.queries.shift()?.resolve([]);
      await call;
    }
  });

  test("ten thousand waiting calls whose clients cannot be made are rejected, without a stack overflow", async () => {
    let fails = false;
    const { pool, queries, clients } = fakePool({
      size: 1,
      timeoutMs: 1000,
      connect: () => {
        if (fails) throw new Error("no");
        const client = new FakeClient();
        clients.push(client);
        return client;
      },
    });
    const first = pool.run("first", [], "read");
    await turn();
    const line = Array.from({ length: 10_000 }, () => pool.run("late", [], "read"));
    fails = true;
    queries()[0]?.reject(new Error("gone"));
    const outcomes = await Promise.allSettled([first, ...line]);
    expect(new Set(outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.code))).toEqual(
      new Set(["UNAVAILABLE"]),
    );
    await expect.poll(() => pool.status()).toEqual({ size: 0, idle: 0, waiting: 0 });
  });
});

describe("an answer with holes is noticed", () => {
  const sparse: unknown[] = [];
  sparse[1] = { place: "1" };

  test.each<[string, Rows]>([
    ["a row that is missing", sparse],
    ["fewer rows than were counted", Object.assign([{}], { count: 2 })],
    ["more rows than were counted", Object.assign([{}, {}], { count: 1 })],
  ])("%s", async (_, rows) => {
    for (const intent of ["read", "write"] as const) {
      const { pool, clients, queries } = fakePool();
      const call = pool.run("torn", [], intent);
      await turn();
      queries()[0]?.resolve(rows);
      expect(await failure(call)).toMatchObject({
        code: intent === "write" ? "OUTCOME_UNKNOWN" : "UNAVAILABLE",
      });
      expect(clients[0]?.ended).toBe(0);
    }
  });

  test("an outcome that is missing", async () => {
    const url = await migratedDatabase();
    const connect = connectWith(url, async ({ text }, run) => {
      const rows = await run();
      return text.includes("apply_") && rows.length === 3 ? rows.slice(1) : rows;
    });
    const driver = await open({ connect });
    const commits = ["a", "b", "c"].map((kind) => save({ kind }));
    expect(await failure(apply(driver, commits))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(await apply(driver, commits.slice(0, 2))).toEqual([{ is: "duplicate" }, { is: "duplicate" }]);
  });
});

describe("close", () => {
  test("rejects waiting calls, ends statements under way, and every later call is STORE_CLOSED", async () => {
    const { pool, clients } = fakePool({ size: 2, timeoutMs: 60_000 });
    const write = failure(pool.run("write", [], "write"));
    const read = failure(pool.run("read", [], "read"));
    const line = failure(pool.run("line", [], "write"));
    await turn();
    await pool.close();
    expect(await write).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(await read).toMatchObject({ code: "STORE_CLOSED" });
    expect(await line).toMatchObject({ code: "STORE_CLOSED" });
    expect(await failure(pool.run("late", [], "read"))).toMatchObject({ code: "STORE_CLOSED" });
    expect(clients.map(({ ended }) => ended)).toEqual([0, 0]);
    expect(pool.status()).toEqual({ size: 0, idle: 0, waiting: 0 });
    await pool.close();
  });

  test("while a client still connects: nothing is sent on it", async () => {
    const client = new FakeClient(true);
    const { pool } = fakePool({ connect: () => client, timeoutMs: 60_000 });
    const call = failure(pool.run("write", [], "write"));
    await turn();
    const [ready] = client.queries;
    client.end = async () => ready?.resolve([READY]);
    await pool.close();
    expect(await call).toMatchObject({ code: "STORE_CLOSED" });
    expect(client.queries).toEqual([ready]);
  });

  test("ignores a client that cannot be ended", async () => {
    const ends = [
      () => Promise.reject(new Error("no")),
      () => {
        throw new Error("no");
      },
    ];
    for (const end of ends) {
      const client = Object.assign(new FakeClient(), { end });
      const { pool } = fakePool({ connect: () => client, timeoutMs: 100 });
      await failure(pool.run("never answered", [], "read"));
      await pool.close();
    }
  });

  test("resolves when the server is gone or silent, with idle and busy connections", async () => {
    const url = await migratedDatabase();
    for (const fault of ["cut", "stall"] as const) {
      const proxy = await startProxy(url);
      const driver = await open({ url: withPort(url, proxy.port), timeoutMs: 60_000, poolSize: 4 });
      await Promise.all([1, 2, 3].map(() => driver.read([SLOT])));
      proxy.onRequest = () => fault;
      const busy = failureWithin(10_000, apply(driver, [save()]));
      if (fault === "stall") await pause(100);
      await driver.close();
      expect(await busy).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    }
  });
});

test("each client has one statement under way, and only text and null ever reach one", async () => {
  const url = await freshDatabase();
  const most = { underWay: 0, clients: 0, statements: 0 };
  const unserializable: unknown[] = [];
  const counts = new Map<unknown, number>();
  const connect = connectWith(url, async ({ parameters }, run, client) => {
    const now = (counts.get(client) ?? 0) + 1;
    counts.set(client, now);
    most.underWay = Math.max(most.underWay, now);
    most.clients = counts.size;
    most.statements++;
    for (const value of parameters) {
      if (value !== null && typeof value !== "string") unserializable.push(value);
    }
    try {
      return await run();
    } finally {
      counts.set(client, now - 1);
    }
  });
  const driver = await open({ connect, poolSize: 4 });
  const work = Array.from({ length: 200 }, async (_, n) => {
    await apply(driver, [
      save({ kind: `${n}`, session: `s${n % 7}`, version: n }),
      remove({ kind: `${n - 1}` }),
    ]);
    await driver.read([{ ...SLOT, kind: `${n}` }]);
    await driver.readByEventId(IDENTITY, `e${n}`);
    await driver.scan({
      prefix: "",
      limit: 3,
      maxBytes: 1000,
      reverse: false,
      after: { ...SLOT, kind: "1" },
    });
    await driver.scan({ tenant: "acme", identity: SLOT, prefix: "", limit: 3, maxBytes: 9, reverse: true });
    if (n % 50 === 0) await erased(driver, "acme", "ann", "s3");
  });
  await Promise.all(work);
  // One more client found no schema, one opened the driver, and one made the migrations.
  expect(most).toMatchObject({ underWay: 1, clients: 7 });
  expect(most.statements).toBeGreaterThan(1000);
  expect(unserializable).toEqual([]);
});

describe("a backend that is killed", () => {
  test("while idle: no call notices", async () => {
    const url = await migratedDatabase();
    const sql = plainClient(url);
    const driver = await open({ url, poolSize: 3 });
    for (let round = 0; round < 5; round++) {
      await Promise.all([1, 2, 3].map(() => driver.read([SLOT])));
      await kill(sql);
      // The client has no event to wait for: it has noticed by then, on a busy machine too.
      await pause(200);
      expect(await apply(driver, [save({ kind: `${round}` })])).toMatchObject([{ is: "applied" }]);
    }
    expect(await stored(sql)).toHaveLength(5);
  });

  test("while busy: a write's outcome is unknown, a read may be made again", async () => {
    const url = await migratedDatabase();
    const sql = plainClient(url);
    const driver = await open({ url });
    await apply(driver, [save({ session: "s2" })]);
    const busy = (event: string) =>
      sql.unsafe(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = '${event}'`,
      );
    // Not a lock, for which no write waits long.
    await sql.unsafe(`
      CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(60); RETURN coalesce(NEW, OLD); END $$;
      CREATE TRIGGER slowly BEFORE INSERT OR DELETE ON groundstate.record FOR EACH ROW EXECUTE FUNCTION slowly()`);
    const write = failure(apply(driver, [save({ eventId: "1" })]));
    const erase = failure(erased(driver, "acme", "ann", "s2"));
    await expect.poll(() => busy("Timeout")).toHaveLength(2);
    await kill(sql, "wait_event_type = 'Timeout'");
    expect(await write).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
    expect(await erase).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });

    const holder = plainClient(url);
    await holder.unsafe("BEGIN; LOCK TABLE groundstate.record IN ACCESS EXCLUSIVE MODE");
    const read = failure(driver.read([SLOT]));
    await expect.poll(() => busy("Lock")).toHaveLength(1);
    await kill(sql, "wait_event_type = 'Lock'");
    await holder.unsafe("ROLLBACK");
    expect(await read).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });
    expect(await stored(sql)).toHaveLength(1);
  });

  test("a statement that the server cancels has written nothing", async () => {
    const url = await migratedDatabase();
    const sql = plainClient(url);
    const driver = await open({ url, timeoutMs: 2_000 });
    const holder = plainClient(url);
    await holder.unsafe("BEGIN; LOCK TABLE groundstate.record IN ACCESS EXCLUSIVE MODE");
    // It is tried again until the time is up; each time the lock's own limit is within the statement's.
    const [outcome] = await apply(driver, [save()]);
    expect(outcome).toMatchObject({ error: { code: "UNAVAILABLE", details: { reason: "busy" } } });
    await holder.unsafe("ROLLBACK");
    expect(await stored(sql)).toHaveLength(0);
  });

  test("the one that connects shows nothing of the password, however it fails", async () => {
    const url = await migratedDatabase();
    const { target, clients, hosts } = await connectorOf({ address: readAddress(url) }, true);
    expect(target).not.toContain(new URL(url).password);
    const pool = new ClientPool({ ...clients(1000, 1000), hosts, size: 1, timeoutMs: 1000, prepare: true });
    onTestFinished(() => pool.close());
    for (const statement of ["SELECT 1/0", "SELEC", "SELECT pg_terminate_backend(pg_backend_pid())"]) {
      await failure(pool.run(statement, [], "read"));
    }
    expect(await pool.run("SELECT 1 AS one", [], "read")).toEqual([{ one: 1 }]);
  });
});

function kill(sql: ReturnType<typeof plainClient>, condition = "true") {
  return sql.unsafe(`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND ${condition}`);
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
