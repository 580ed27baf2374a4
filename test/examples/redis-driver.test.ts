import { join } from "node:path";
import { createStore, newEventId } from "groundstate";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RedisDriver } from "../../examples/redis-driver/driver.js";
import harness from "../../examples/redis-driver/harness.js";
import { ROOT } from "../package/installed.js";
import { passesConformance } from "./passes-conformance.js";
import { type Server, startRedis } from "./servers.js";

let server: Server;

beforeAll(async () => {
  server = await startRedis();
  process.env.REDIS_URL = `redis://127.0.0.1:${server.port}`;
});
afterAll(() => server?.stop());

passesConformance(harness, join(ROOT, "dist/examples/redis-driver/harness.js"));

test("what was acknowledged is there after Redis was killed", async () => {
  const identity = { tenant: "t", user: "u", session: "s" };
  const kinds = Array.from({ length: 200 }, (_, index) => `kind/${index}`);
  const open = async () => createStore(await RedisDriver.open(process.env.REDIS_URL as string, "killed"));
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

test("a Redis that acknowledges what is not on the disk is refused", async () => {
  const url = process.env.REDIS_URL as string;
  const { Redis } = await import("ioredis");
  const redis = new Redis(url);
  await redis.config("SET", "appendfsync", "everysec");
  await expect(RedisDriver.open(url)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    details: { reason: "setup" },
  });
  await redis.config("SET", "appendfsync", "always");
  redis.disconnect();
});

test("a Redis that is away is told as unreachable", async () => {
  await expect(RedisDriver.open("redis://127.0.0.1:1")).rejects.toMatchObject({
    code: "UNAVAILABLE",
    details: { reason: "unreachable" },
  });
});
