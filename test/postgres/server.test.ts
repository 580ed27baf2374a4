import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import postgres from "postgres";
import { describe, expect, onTestFinished, test } from "vitest";
import { isSoak } from "../soak.js";
import { createDatabase, startServer } from "./database.js";
import {
  nativeFolder,
  type PostgresOptions,
  type PostgresServer,
  SUPERVISOR,
  startPostgres,
} from "./server.js";

/** Starts a server as `startPostgres` does, says where it is, and waits. */
const STARTER = `
  const [supervisor, request] = process.argv.slice(1);
  const options = { detached: true, stdio: "ignore" };
  const owner = require("node:child_process").fork(supervisor, [request], options);
  owner.on("message", (answer) => console.log(JSON.stringify(answer)));
`;

describe("a Postgres of the test's own", () => {
  test.runIf(isSoak)("is asked for its password over TCP and trusts its socket", async () => {
    const server = await startPostgres();
    onTestFinished(server.stop);
    const { port, user, socket } = server;
    const wrong = server.url.replace(server.password, "wrong");

    await expect(ask(wrong, "SELECT 1")).rejects.toMatchObject({ code: "28P01" });
    expect(await ask(server.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(await ask({ host: socket, port, user }, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("takes settings", async () => {
    const server = await start({ settings: { max_locks_per_transaction: 10 }, durable: true });
    expect(await ask(server.url, "SHOW max_locks_per_transaction")).toEqual([
      { max_locks_per_transaction: "10" },
    ]);
    expect(await ask(server.url, "SHOW fsync")).toEqual([{ fsync: "on" }]);
  });

  test("says why it does not start", async () => {
    await expect(startPostgres({ settings: { shared_buffers: "nonsense" } })).rejects.toThrow(
      "shared_buffers",
    );
  });

  test.runIf(isSoak)("comes back on its port with its data after a crash", async () => {
    const server = await start();
    await ask(server.url, "CREATE TABLE kept AS SELECT 1 AS one");

    await server.crash();
    await expect(ask(server.url, "SELECT 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await server.start();

    expect(await ask(server.url, "TABLE kept")).toEqual([{ one: 1 }]);
  });

  test.runIf(isSoak)("runs beside another, and leaves nothing when it is stopped", async () => {
    const [one, two] = await Promise.all([start(), start()]);
    expect(one.port).not.toBe(two.port);

    await one.stop();
    await one.stop();
    expect(existsSync(one.socket)).toBe(false);
    await expect(ask(one.url, "SELECT 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(await ask(two.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("leaves nothing when whoever started it is killed", async () => {
    const request = JSON.stringify({ native: await nativeFolder(), settings: {}, durable: false });
    const starter = spawn(process.execPath, ["-e", STARTER, SUPERVISOR, request]);
    const [answer] = await once(starter.stdout.setEncoding("utf8"), "data");
    const { folder, port } = JSON.parse(answer) as { folder: string; port: number };
    expect(existsSync(folder)).toBe(true);

    starter.kill("SIGKILL");

    await expect.poll(() => existsSync(folder), { timeout: 60_000 }).toBe(false);
    await expect(ask(`postgres://postgres@127.0.0.1:${port}/postgres`, "SELECT 1")).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
  });
});

test("a test file gets an empty database, which it can drop", async () => {
  const [one, two] = await Promise.all([createDatabase(), createDatabase()]);
  onTestFinished(two.drop);
  await ask(one.url, "CREATE TABLE mine ()");

  expect(await ask(two.url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).toEqual([]);
  await one.drop();
  await expect(ask(one.url, "SELECT 1")).rejects.toMatchObject({ code: "3D000" });
});

async function start(options?: PostgresOptions): Promise<PostgresServer> {
  const server = await startServer(options);
  onTestFinished(server.stop);
  return server;
}

async function ask(where: string | postgres.Options<never>, statement: string): Promise<unknown[]> {
  const options = { max: 1, fetch_types: false, backoff: false, onnotice() {} } as const;
  const sql = typeof where === "string" ? postgres(where, options) : postgres({ ...where, ...options });
  try {
    return [...(await sql.unsafe(statement))];
  } finally {
    await sql.end({ timeout: 1 });
  }
}
