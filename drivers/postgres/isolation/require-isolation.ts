import { isStateError, StateError } from "../../../src/contract/errors.js";
import type { ClientPool } from "../client-pool.js";
import type { Names } from "../names.js";
import { isolationNamesOf } from "./isolation-names.js";
import { findingsOf } from "./role-findings.js";
import type { TenantProof } from "./tenant-proof.js";

/** Of any tenant; no row has it, as names are not empty. */
const NOBODY = "";

/**
 * Throws UNAVAILABLE with all reasons, if statements of this role would not be kept to one tenant, or if the server does not
 * know the key.
 */
export async function requireIsolation(pool: ClientPool, names: Names, proof: TenantProof): Promise<void> {
  const found = await findingsOf(pool, names, "isolated");
  if (found.length > 0) {
    const reasons = found.map(({ role, what, how }) => `${role}: ${what} (${how})`).join("; ");
    throw setup(`tenants would not be isolated: ${reasons} (docs/drivers/postgres-isolation.md)`);
  }
  if (!(await isKeyKnown(pool, names, proof)))
    throw setup("the server does not know this tenantKey: isolateTenants with it first, as the owner");
}

/** Whether the server takes a proof by this key. */
export async function isKeyKnown(pool: ClientPool, names: Names, proof: TenantProof): Promise<boolean> {
  const text = `SELECT ${isolationNamesOf(names).provenTenant}() AS tenant`;
  try {
    const [row] = await pool.run(proof.statement(text, 0), [proof.of(NOBODY)], "read");
    return row?.tenant === NOBODY;
  } catch (error) {
    if (isStateError(error, "UNAVAILABLE") && error.details.reason === "setup") return false;
    throw error;
  }
}

function setup(message: string): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", message, { details: { reason: "setup" } });
}
