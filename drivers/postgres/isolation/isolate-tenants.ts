import { invalid } from "../../../src/contract/errors.js";
import { ClientPool } from "../client-pool.js";
import { type PostgresConfig, readConfig, readTenantKey } from "../config.js";
import { connectorOf } from "../connector.js";
import { MIGRATION_MS, openDriver } from "../open.js";
import { addKeyStatement, isolateStatement } from "./isolation-sql.js";
import { blocksOf } from "./tenant-proof.js";

/** The owner's login, and the key. */
export interface IsolateConfig
  extends Pick<
    PostgresConfig,
    "url" | "connect" | "schema" | "tablePrefix" | "prepare" | "timeoutMs" | "openTimeoutMs"
  > {
  /** A secret of 32 to 1,024 characters, made at random. Stores that open with it are let in from then on. */
  readonly tenantKey: string;
}

/** See `isolateTenants` of the driver's index. */
export async function isolate(config: IsolateConfig): Promise<void> {
  if (typeof config !== "object" || config === null) throw invalid("config", "an object");
  const { tenantKey, ...login } = config;
  const { inner, outer } = blocksOf(readTenantKey(tenantKey));
  await (await openDriver({ ...login, migrate: "apply" })).close();
  const { source, names, prepare, timeoutMs } = readConfig(login);
  const connector = await connectorOf(source, prepare);
  const clients = connector.clients(timeoutMs, MIGRATION_MS);
  const { hosts } = connector;
  const pool = new ClientPool({ ...clients, hosts, size: 1, timeoutMs: MIGRATION_MS, prepare });
  try {
    // Neither does harm when it is repeated.
    await pool.run(isolateStatement(names), [], "read");
    const blocks = [inner, outer].map((block) => `\\x${block.toString("hex")}`);
    await pool.run(addKeyStatement(names), blocks, "read");
  } finally {
    await pool.close();
  }
}
