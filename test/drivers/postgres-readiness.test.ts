import { expect, test } from "vitest";
import { Hosts } from "../../drivers/postgres/hosts.js";
import { type FakeClient, fakePool, turn } from "./postgres-fake-client.js";
import { startProxy } from "./postgres-proxy.js";
import {
  apply,
  connectWith,
  failOnUncaughtErrors,
  failure,
  freshDatabase,
  open,
  plainClient,
  SLOT,
  save,
  stored,
} from "./postgres-rig.js";

failOnUncaughtErrors();

test.each([
  ["array_nulls", "off", true],
  ["bytea_output", "escape", true],
  ["client_min_messages", "error", true],
  ["default_transaction_isolation", "serializable", true],
  ["search_path", "public, pg_catalog", false],
])(
  "a database where %s is %s: asked for otherwise, or refused by name",
  async (name, value, isOverridden) => {
    const url = await freshDatabase();
    const database = new URL(url).pathname.slice(1);
    await plainClient(url).unsafe(`ALTER DATABASE ${database} SET ${name} = ${value}`);
    if (isOverridden) expect(await apply(await open({ url }), [save()])).toMatchObject([{ is: "applied" }]);
    const error = await failure(open({ url, prepare: false }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain(name.includes("isolation") ? "read committed" : name);
  },
);

test("a pooler that drops the settings made at connect is detected by statement_timeout", async () => {
  const { pool } = fakePool({ statementTimeoutMs: 350 });
  const error = await failure(pool.run("SELECT", [], "read"));
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
  expect(error.message).toContain("statement_timeout");
  expect(error.message).toContain("prepare: false");
});

test("what is stored is what was sent, also where a statement is forgotten and the client repeats it", async () => {
  const url = await freshDatabase();
  const connect = connectWith(
    url,
    async (_, run, client) => {
      await client.unsafe("DEALLOCATE ALL");
      return run();
    },
    { prepare: true },
  );
  const driver = await open({ connect, prepare: true, poolSize: 1 });
  const bytes = Buffer.from("\\x00ff, and more");
  for (let round = 0; round < 4; round++) {
    const commits = [save({ kind: `one-${round}`, bytes })];
    expect(await apply(driver, commits)).toMatchObject([{ is: "applied" }]);
    const many = Array.from({ length: 8 }, (_, n) => save({ kind: `many-${round}-${n}`, bytes }));
    expect(await apply(driver, many)).toHaveLength(8);
  }
  const rows = await stored(plainClient(url));
  expect(rows).toHaveLength(36);
  for (const row of rows) expect(row.bytes).toEqual(bytes);
});

test("a connection that was idle for a while is probed again, within a part of the call's time", async () => {
  const { pool, clients } = fakePool({ size: 1, staleMs: 20, timeoutMs: 2000 });
  await answered(pool.run("first", [], "read"), clients);
  await new Promise((resolve) => setTimeout(resolve, 40));
  (clients[0] as FakeClient).isSilent = true;
  const write = pool.run("second", [], "write");
  await expect.poll(() => clients[1]?.queries.length).toBe(1);
  // The write was not sent to the silent server, so its outcome is never unknown.
  expect(clients[0]?.queries.map(({ text }) => text.includes("is_ready"))).toEqual([false, true]);
  clients[1]?.queries[0]?.resolve([{ done: 1 }]);
  expect(await write).toEqual([{ done: 1 }]);
  expect(clients[0]?.ended).toBe(0);
});

test("a connection whose server became a standby meanwhile is not used again", async () => {
  const { pool, clients } = fakePool({ size: 1, staleMs: 20 });
  await answered(pool.run("first", [], "read"), clients);
  await new Promise((resolve) => setTimeout(resolve, 40));
  (clients[0] as FakeClient).ready = { is_standby: "true" };
  await answered(pool.run("second", [], "read"), clients);
  expect(clients.map(({ queries }) => queries.length)).toEqual([1, 1]);
});

test("a write on a read-only server is rolled back, and the other connections are probed again", async () => {
  const { pool, clients } = fakePool({ size: 2 });
  const both = [pool.run("a", [], "read"), pool.run("b", [], "read")];
  await turn();
  for (const client of clients) client.queries[0]?.resolve([]);
  await Promise.all(both);
  for (const client of clients) client.ready = { is_read_only: "on" };
  const write = failure(pool.run("write", [], "write"));
  await turn();
  const busy = clients.find(({ queries }) => queries[1]?.text === "write");
  busy?.queries[1]?.reject(Object.assign(new Error("raw"), { code: "25006", severity: "ERROR" }));
  expect(await write).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });

  const read = pool.run("read", [], "read");
  await expect.poll(() => clients[2]?.queries.length).toBe(1);
  clients[2]?.queries[0]?.resolve([]);
  await read;
  expect(clients.map(({ ended }) => ended)).toEqual([0, 0, undefined]);
});

test("a silent host is skipped, and remembered as silent", async () => {
  const url = await freshDatabase();
  const proxy = await startProxy(url);
  proxy.onConnect = () => "ignore";
  const { host } = new URL(url);
  const both = url.replace(host, `127.0.0.1:${proxy.port},${host}`);
  const driver = await open({ url: both, timeoutMs: 4000, poolSize: 5 });
  const atOpening = proxy.accepted;
  expect(atOpening).toBeGreaterThan(0);
  for (let round = 0; round < 3; round++) {
    // Some may meet the end of their connection.
    await Promise.allSettled([1, 2, 3, 4, 5].map((n) => driver.read([{ ...SLOT, kind: `${n}` }])));
    expect(await driver.read([SLOT])).toEqual([undefined]);
    await plainClient(url).unsafe(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'groundstate' AND datname = current_database()",
    );
  }
  // Not for each of some sixteen new connections: at most where the other was slow.
  expect(proxy.accepted).toBeLessThan(atOpening + 8);
});

test("hosts are tried in the order of what is known of them", () => {
  const hosts = new Hosts(3);
  expect(hosts.inOrder()).toEqual([0, 1, 2]);
  hosts.markNotPrimary(0);
  expect(hosts.inOrder()).toEqual([1, 2, 0]);
  hosts.markSilent(1);
  expect(hosts.inOrder()).toEqual([2, 0, 1]);
  hosts.markNotPrimary(2);
  expect(hosts.inOrder()).toEqual([0, 2, 1]);
  hosts.markPrimary(1);
  expect(hosts.inOrder()).toEqual([1, 0, 2]);
});

/** Answers the queries of all clients until the call has its answer. */
async function answered(call: Promise<unknown>, clients: readonly FakeClient[]): Promise<void> {
  let done = false;
  const end = call.finally(() => {
    done = true;
  });
  while (!done) {
    for (const { queries } of clients)
      for (const { text, resolve } of queries) if (!text.includes("is_ready")) resolve([]);
    await turn();
  }
  await end;
}
