import { join } from "node:path";
import { createStore, newEventId } from "groundstate";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MariaDriver } from "../../examples/mariadb-driver/driver.js";
import harness from "../../examples/mariadb-driver/harness.js";
import { ROOT } from "../package/installed.js";
import { passesConformance } from "./passes-conformance.js";
import { type Server, startMariaDb } from "./servers.js";

let server: Server;

beforeAll(async () => {
  server = await startMariaDb();
  process.env.MARIADB_URL = `mysql://root@127.0.0.1:${server.port}`;
});
afterAll(() => server?.stop());

passesConformance(harness, join(ROOT, "dist/examples/mariadb-driver/harness.js"));

test("what was acknowledged is there after the server was killed", async () => {
  const identity = { tenant: "t", user: "u", session: "s" };
  const kinds = Array.from({ length: 200 }, (_, index) => `kind/${index}`);
  const open = async () => createStore(await MariaDriver.open(process.env.MARIADB_URL as string, "killed"));
  const store = await open();
  await Promise.all(
    kinds.map((kind) => store.save({ identity, kind, eventId: newEventId(), bytes: Buffer.from(kind) })),
  );
  await server.restart();
  await store.close();
  const again = await open();
  const found = await again.list(identity, "kind/", { limit: 500 });
  expect(found.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual([...kinds].sort());
  await again.close();
});

test("a server that is away is told as unreachable", async () => {
  await expect(MariaDriver.open("mysql://root@127.0.0.1:1")).rejects.toMatchObject({
    code: "UNAVAILABLE",
    details: { reason: "unreachable" },
  });
});
