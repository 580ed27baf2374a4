import { createStore } from "groundstate";
import type { Harness } from "groundstate/conformance";
import { Redis } from "ioredis";
import { RedisDriver } from "./driver.js";

const url = () => process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const open = (space: string) => RedisDriver.open(url(), space);

export default {
  name: "redis",
  durable: true,
  open: async (space, options) => createStore(await open(space), options),
  destroy: async (space) => {
    const driver = await open(space);
    await driver.drop();
    await driver.close();
  },
  damage: async (space, { identity: { tenant, user, session, run = "" }, kind }) => {
    const redis = new Redis(url());
    await redis.hset([space, "record", tenant, user, session, run, kind].join("\0"), "b", "damaged");
    redis.disconnect();
  },
} satisfies Harness;
