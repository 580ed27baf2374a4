import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { RedisDriver } from "../../examples/redis-driver/driver.js";
import harness from "../../examples/redis-driver/harness.js";
import { ROOT } from "../package/installed.js";
import { testServerDriver } from "./server-driver.js";
import { startRedis } from "./servers.js";

testServerDriver({
  harness,
  modulePath: join(ROOT, "dist/examples/redis-driver/harness.js"),
  variable: "REDIS_URL",
  start: startRedis,
  urlOf: (port) => `redis://127.0.0.1:${port}`,
  open: (url, space) => RedisDriver.open(url, space),
});

test("a Redis that acknowledges what is not on the disk is refused", async () => {
  const url = process.env.REDIS_URL as string;
  const redis = new Redis(url);
  await redis.config("SET", "appendfsync", "everysec");
  const unsafe = { code: "UNAVAILABLE", details: { reason: "setup" } };
  await expect(RedisDriver.open(url)).rejects.toMatchObject(unsafe);
  await redis.config("SET", "appendfsync", "always");
  redis.disconnect();
});
