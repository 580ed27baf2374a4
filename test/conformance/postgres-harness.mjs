import { openStore } from "groundstate";
import "groundstate/drivers";
import postgres from "postgres";

const url = process.env.GROUNDSTATE_HARNESS_POSTGRES;
const schemaOf = (space) => `space_${space.replaceAll("-", "_")}`;

/** A space is a schema of the database that the environment names. */
export default {
  name: "postgres",
  durable: true,
  open: (space, options) => openStore({ driver: "postgres", url, schema: schemaOf(space), ...options }),
  async destroy(space) {
    const sql = postgres(url, { max: 1, fetch_types: false, onnotice() {} });
    await sql.unsafe(`DROP SCHEMA IF EXISTS ${schemaOf(space)} CASCADE`);
    await sql.end();
  },
};
