import { ClientPool } from "../client-pool.js";
import { type PostgresConfig, readConfig, type Settings } from "../config.js";
import { connectorOf } from "../connector.js";
import { isKeyKnown } from "./require-isolation.js";
import { findingsOf, lackingOf, type RoleFinding, type RoleUse } from "./role-findings.js";
import { TenantProof } from "./tenant-proof.js";

/** See `validateRoles` of the driver's index. */
export async function findRoles(config: PostgresConfig): Promise<readonly RoleFinding[]> {
  const settings = readConfig(config);
  const { isolation, names, source } = settings;
  const found = await withPool(settings, source, async (pool) => {
    const use: RoleUse = isolation === undefined ? "shared" : "isolated";
    const roles = [...(await findingsOf(pool, names, use)), ...(await lackingOf(pool, names, use))];
    const isBroken = roles.some(({ finding }) => finding === "too-little");
    if (isolation === undefined || isBroken) return roles;
    if (await isKeyKnown(pool, names, new TenantProof(isolation.tenantKey))) return roles;
    const [row] = await pool.run("SELECT session_user::text AS role", [], "read");
    const what = "a tenantKey that the server does not know";
    return [
      ...roles,
      { role: String(row?.role), finding: "too-little", what, how: "isolateTenants, as the owner" },
    ] as const;
  });
  if (isolation?.admin === undefined) return found;
  const ofAdmin = await withPool(settings, { address: isolation.admin }, async (pool) => [
    ...(await findingsOf(pool, names, "admin")),
    ...(await lackingOf(pool, names, "admin")),
  ]);
  return [...found, ...ofAdmin];
}

async function withPool<T>(
  { prepare, timeoutMs, openTimeoutMs }: Settings,
  source: Settings["source"],
  ask: (pool: ClientPool) => Promise<T>,
): Promise<T> {
  const connector = await connectorOf(source, prepare, true);
  const { hosts } = connector;
  const pool = new ClientPool({
    ...connector.clients(timeoutMs, timeoutMs),
    hosts,
    size: 1,
    timeoutMs,
    prepare,
  });
  try {
    await pool.connect(openTimeoutMs);
    return await ask(pool);
  } finally {
    await pool.close();
  }
}
