import { StateError } from "../../src/errors.js";
import { migrate } from "../migrations.js";
import { ClientPool } from "./client-pool.js";
import { type PostgresConfig, readConfig } from "./config.js";
import { connectorOf } from "./connector.js";
import { PostgresMigrator } from "./migrator.js";
import { PostgresDriver } from "./postgres-driver.js";
import { migrationsOf } from "./schema.js";

/** Building an index on a large table takes as long as it takes. */
const MIGRATION_MS = 600_000;

/** Opens a driver on a database whose schema is as the configuration's `migrate` wants it. */
export async function openDriver(config: PostgresConfig): Promise<PostgresDriver> {
  const { source, names, migrate: mode, prepare, poolSize, timeoutMs } = readConfig(config);
  const connector = await connectorOf(source, prepare);
  const poolOf = (size: number, ms: number) =>
    new ClientPool({ connect: connector.clients(ms), size, timeoutMs: ms, connectMs: timeoutMs, prepare });
  const pool = poolOf(poolSize, timeoutMs);
  // Makes no connection until it migrates something.
  const patient = poolOf(1, MIGRATION_MS);
  try {
    await refuseUnfit(pool);
    await migrate(new PostgresMigrator(pool, patient, names), migrationsOf(names), mode);
  } catch (error) {
    await pool.close();
    throw error;
  } finally {
    await patient.close();
  }
  return new PostgresDriver(pool, { names, target: connector.target, timeoutMs });
}

/** In another encoding the server would convert text, and refuse what it cannot; at another isolation level, each write. */
async function refuseUnfit(pool: ClientPool): Promise<void> {
  const [row] = await pool.run(
    "SELECT current_setting('server_encoding') AS encoding, current_setting('transaction_isolation') AS isolation",
    [],
    "read",
  );
  if (row?.encoding !== "UTF8") {
    throw unfit("the database's encoding is not UTF8: create one with ENCODING 'UTF8'");
  }
  if (row.isolation !== "read committed") {
    throw unfit("the isolation level is not read committed: make it the role's default");
  }
}

function unfit(message: string): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", message, { details: { reason: "setup" } });
}
