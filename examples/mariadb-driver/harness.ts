import { createStore } from "groundstate";
import type { Harness } from "groundstate/conformance";
import { escapeId } from "mysql2";
import { createConnection } from "mysql2/promise";
import { MariaDriver } from "./driver.js";

const url = () => process.env.MARIADB_URL ?? "mysql://root@127.0.0.1:3306";
const databaseOf = (space: string) => `groundstate-${space}`;
const open = (space: string) => MariaDriver.open(url(), databaseOf(space));

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
  damage: async (space, { identity: { tenant, user, session, run = "" }, kind }) => {
    const connection = await createConnection(url());
    const place = "tenant = ? AND user = ? AND session = ? AND run = ? AND kind = ?";
    const damaged = `UPDATE ${escapeId(databaseOf(space))}.record SET bytes = 'damaged' WHERE ${place}`;
    await connection.query(damaged, [tenant, user, session, run, kind]);
    await connection.end();
  },
} satisfies Harness;
