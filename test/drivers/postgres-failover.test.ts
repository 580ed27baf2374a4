import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createStore, isStateError, newEventId, type StateStore } from "../../src/index.js";
import { ownTime } from "../own-time.js";
import { startServer } from "../postgres/database.js";
import type { PostgresServer } from "../postgres/server.js";
import { startProxy } from "./postgres-proxy.js";
import { apply, failOnUncaughtErrors, failure, open, plainClient, save } from "./postgres-rig.js";

failOnUncaughtErrors();

let primary: PostgresServer;

beforeAll(async () => {
  primary = await startServer();
});
afterAll(() => primary.stop());

/** How long after a promotion writes must succeed again, in milliseconds. */
const RESUMED_MS = 5000;

test.each<[string, "hosts" | "address", (server: PostgresServer) => Promise<void>]>([
  ["several hosts, of which the first refuses", "hosts", (server) => server.crash()],
  ["several hosts, of which the first freezes", "hosts", (server) => server.freeze()],
  ["one address whose server freezes and is replaced", "address", (server) => server.freeze()],
])("writes go on after a failover: %s", async (_, how, fail) => {
  const standby = await standbyOf(primary);
  const proxy = await startProxy(primary.url);
  const url = how === "hosts" ? hostsOf(primary, standby) : primary.url.replace(/:\d+\//, `:${proxy.port}/`);
  const store = storeOf(await open({ url }));
  const writing = keepWriting(store);
  await expect.poll(writing.acknowledged).toBeGreaterThan(20);

  await fail(primary);
  onTestFinished(async () => {
    await primary.thaw().catch(() => {});
    await primary.start();
  });
  await plainClient(standby.url).unsafe("SELECT pg_promote()");
  proxy.target = standby.url;
  const promoted = ownTime();
  const before = writing.acknowledged();
  await expect.poll(writing.acknowledged, { timeout: 60_000 }).toBeGreaterThan(before + 20);
  expect(writing.firstAfter(promoted) - promoted).toBeLessThan(RESUMED_MS);

  await writing.stop();
  expect(writing.failures).toEqual([]);
  // The standby may not have had the last writes that the old primary acknowledged.
  expect(writing.wrongAfter(promoted)).toBe(0);
});

test("a standby serves nobody: neither when a store is opened nor while its primary is away", async () => {
  const standby = await standbyOf(primary);
  const error = await failure(open({ url: standby.url, openTimeoutMs: 300 }));
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });
  expect(error.message).toContain("primary");

  const writer = storeOf(await open({ url: primary.url }));
  const reader = storeOf(await open({ url: hostsOf(standby, primary), timeoutMs: 1000 }));
  await saveValue(writer, 1);
  const behind = plainClient(standby.url);
  await expect.poll(async () => (await behind`SELECT FROM groundstate.record`).length).toBeGreaterThan(0);
  await behind.unsafe("SELECT pg_wal_replay_pause()");
  await saveValue(writer, 2);
  await primary.crash();
  const during = await Promise.allSettled([1, 2, 3].map(() => readValue(reader)));
  for (const read of during) expect(read).toMatchObject({ reason: { code: "UNAVAILABLE" } });

  const waiting = readValue(writer);
  await primary.start();
  expect(await waiting).toBe(2);
  for (let value = 3; value < 20; value++) {
    await saveValue(writer, value);
    expect(await readValue(reader)).toBe(value);
  }
});

test("a server that is just starting is waited for when a store is opened", async () => {
  await primary.crash();
  const opening = open({ url: primary.url, openTimeoutMs: 20_000 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await primary.start();
  expect(await (await opening).status()).toMatchObject({ pendingMigrations: [] });
});

test("a commit whose wait for its standby was cancelled is not acknowledged before a standby has it", async () => {
  const sql = plainClient(primary.url);
  const driver = await open({ url: primary.url, poolSize: 2 });
  await sql.unsafe("SET synchronous_commit = local");
  await sql.unsafe("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  await sql.unsafe("SELECT pg_reload_conf()");
  const waiting = () => sql`SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;
  let made = 0;
  let commits: ReturnType<typeof save>[] = [];
  let first: Promise<unknown> = Promise.resolve();
  let isOver = true;
  // A commit that comes before the server has taken the setting up is acknowledged.
  await expect
    .poll(async () => {
      if (isOver) {
        isOver = false;
        commits = [save({ session: "waits", eventId: `waits-${made++}` })];
        first = failure(apply(driver, commits)).finally(() => {
          isOver = true;
        });
        first.catch(() => {});
      }
      return waiting();
    })
    .toHaveLength(1);
  await sql`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;
  expect(await first).toMatchObject({ code: "OUTCOME_UNKNOWN", message: expect.stringContaining("standby") });

  // The write is on the primary by now; a retry is acknowledged once a standby has it.
  let answered = false;
  const second = apply(driver, commits).finally(() => {
    answered = true;
  });
  await expect.poll(waiting).toHaveLength(1);
  expect(answered).toBe(false);
  await sql.unsafe("ALTER SYSTEM RESET synchronous_standby_names");
  await sql.unsafe("SELECT pg_reload_conf()");
  expect(await second).toEqual([{ is: "duplicate" }]);
});

const ANN = { tenant: "acme", user: "ann", session: "s1" };

async function standbyOf(server: PostgresServer): Promise<PostgresServer> {
  const standby = await startServer({ standbyOf: server });
  onTestFinished(standby.stop);
  return standby;
}

function hostsOf(...servers: PostgresServer[]): string {
  const [first] = servers as [PostgresServer];
  const places = servers.map(({ host, port }) => `${host}:${port}`);
  return first.url.replace(`${first.host}:${first.port}`, places.join(","));
}

function storeOf(driver: Awaited<ReturnType<typeof open>>): StateStore {
  return createStore(driver, { layers: driver.layers ?? [] });
}

function saveValue(store: StateStore, value: number, session = "s1") {
  const bytes = new TextEncoder().encode(String(value));
  return store.save({ eventId: newEventId(), identity: { ...ANN, session }, kind: "value", bytes });
}

async function readValue(store: StateStore, session = "s1"): Promise<number> {
  return Number(new TextDecoder().decode((await store.load({ ...ANN, session }, "value")).bytes));
}

/** Four sessions that write and read what they wrote, one after another, until they are stopped. */
function keepWriting(store: StateStore) {
  const at: number[] = [];
  const failures: unknown[] = [];
  const wrong: number[] = [];
  let stopped = false;
  const writers = [1, 2, 3, 4].map(async (number) => {
    for (let value = 1; !stopped; value++) {
      try {
        await saveValue(store, value, `w${number}`);
        const acknowledged = ownTime();
        at.push(acknowledged);
        if ((await readValue(store, `w${number}`)) < value) wrong.push(acknowledged);
      } catch (error) {
        failures.push(isStateError(error) ? error.message : error);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  return {
    failures,
    wrongAfter: (time: number) => wrong.filter((each) => each > time).length,
    acknowledged: () => at.length,
    firstAfter: (time: number) => at.find((each) => each > time) ?? Number.POSITIVE_INFINITY,
    async stop() {
      stopped = true;
      await Promise.all(writers);
    },
  };
}
