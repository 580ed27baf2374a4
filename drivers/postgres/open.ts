import { migrate } from "../migrations.js";
import { ClientPool } from "./client-pool.js";
import { type IsolationSettings, type PostgresConfig, readConfig, type Settings } from "./config.js";
import { connectorOf } from "./connector.js";
import { RightMissing } from "./errors.js";
import { Isolation } from "./isolation/isolation.js";
import { requireIsolation } from "./isolation/require-isolation.js";
import { TenantProof } from "./isolation/tenant-proof.js";
import type { ListeningEvents } from "./listening.js";
import { PostgresMigrator } from "./migrator.js";
import { Notifications } from "./notifications.js";
import { connectAndLook } from "./opening-state.js";
import type { PoolOptions } from "./pool-options.js";
import { PostgresDriver } from "./postgres-driver.js";
import { missingRightsError, refuseMissing, requireRights } from "./rights.js";
import { migrationsOf } from "./schema.js";
import { notifyStatement } from "./statements.js";

/** Long, because building an index on a large table takes its time. */
export const MIGRATION_MS = 900_000;

function listeningPool(options: PoolOptions, { notified, closed }: ListeningEvents): ClientPool {
  const connect: PoolOptions["connect"] = (host, events) =>
    options.connect(host, {
      ...events,
      closed() {
        events.closed();
        closed();
      },
      notified: (_, payload) => notified(payload),
    });
  return new ClientPool({ ...options, connect });
}

async function isolationOf(
  { tenantKey, admin }: IsolationSettings,
  { prepare, timeoutMs }: Pick<Settings, "prepare" | "timeoutMs">,
): Promise<Isolation> {
  const proof = new TenantProof(tenantKey);
  if (admin === undefined) return new Isolation(proof, undefined);
  const connector = await connectorOf({ address: admin }, prepare, true);
  const clients = connector.clients(timeoutMs, timeoutMs);
  const { hosts } = connector;
  return new Isolation(proof, new ClientPool({ ...clients, hosts, size: 1, timeoutMs, prepare }));
}

/** Opens a driver, after bringing the schema to the state that `migrate` asks for. */
export async function openDriver(config: PostgresConfig): Promise<PostgresDriver> {
  const {
    source,
    names,
    migrate: mode,
    prepare,
    oneTenant,
    isolation: isolated,
    notify,
    poolSize,
    timeoutMs,
    openTimeoutMs,
  } = readConfig(config);
  const connector = await connectorOf(source, prepare, isolated !== undefined);
  const { hosts, target, canListen } = connector;
  const optionsOf = (size: number, ms: number) => ({
    ...connector.clients(timeoutMs, ms),
    hosts,
    size,
    timeoutMs: ms,
    prepare,
  });
  const poolOf = (size: number, ms: number) => new ClientPool(optionsOf(size, ms));
  const pool = poolOf(poolSize, timeoutMs);
  // Makes no connection until it migrates something.
  const migrationPool = poolOf(1, MIGRATION_MS);
  const isolation = isolated && (await isolationOf(isolated, { prepare, timeoutMs }));
  try {
    const migrations = migrationsOf(names);
    const state = await connectAndLook(pool, names, mode, openTimeoutMs);
    if (state?.version === migrations.length) refuseMissing(state.missing);
    else {
      const migrator = new PostgresMigrator(pool, migrationPool, timeoutMs, names);
      const migrated = await migrate(migrator, migrations, mode);
      // The role may be limited to one connection.
      await migrationPool.closeIdle();
      if (mode === "apply" && migrated === 0) await migrator.settleIds();
      if (mode !== "off") await requireRights(pool, names);
    }
    if (isolation !== undefined) await requireIsolation(pool, names, isolation.proof);
  } catch (error) {
    // The server's error names only the first missing right.
    const complete = error instanceof RightMissing ? await missingRightsError(pool, names) : undefined;
    await pool.close();
    throw complete ?? error;
  } finally {
    await migrationPool.close();
  }
  const notifications =
    notify && canListen
      ? new Notifications({
          channel: names.channel,
          connect: (events) => listeningPool(optionsOf(1, timeoutMs), events),
          send: (payload) => pool.run(notifyStatement(names), [payload], "read"),
        })
      : undefined;
  return new PostgresDriver(pool, { names, target, timeoutMs, oneTenant, notify, notifications, isolation });
}
