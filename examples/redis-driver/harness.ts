import { createStore } from "groundstate";
import type { Harness } from "groundstate/conformance";
import { RedisDriver } from "./driver.js";

const open = (space: string) => RedisDriver.open(process.env.REDIS_URL ?? "redis://127.0.0.1:6379", space);

export default {
  name: "redis",
  durable: true,
  open: async (space, options) => createStore(await open(space), options),
  destroy: async (space) => {
    const driver = await open(space);
    await driver.drop();
    await driver.close();
  },
} satisfies Harness;
