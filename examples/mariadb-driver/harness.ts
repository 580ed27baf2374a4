import { createStore } from "groundstate";
import type { Harness } from "groundstate/conformance";
import { MariaDriver } from "./driver.js";

const open = (space: string) =>
  MariaDriver.open(process.env.MARIADB_URL ?? "mysql://root@127.0.0.1:3306", `groundstate-${space}`);

export default {
  name: "mariadb",
  durable: true,
  open: async (space, options) => {
    const driver = await open(space);
    return createStore(driver, { layers: driver.layers, ...options });
  },
  destroy: async (space) => {
    const driver = await open(space);
    await driver.drop();
    await driver.close();
  },
} satisfies Harness;
