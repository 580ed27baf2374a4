import { invalid, StateError } from "../contract/errors.js";
import type { MaintenanceScope } from "../contract/store.js";
import { processState } from "../process/process-state.js";
import { readName, readText } from "../validation/validate-text.js";

const REASON_BYTES = 512;

/** The reason of a maintenance scan, for an operator to read, and the tenants it covers. */
export type ScopeClaim =
  | { readonly reason: string; readonly tenant: string }
  | { readonly reason: string; readonly allTenants: true };

/**
 * Makes the scope that `listKind` requires. To scan all tenants, say `allTenants: true`: leaving `tenant` out is refused.
 *
 * @example
 * ```ts
 * import { maintenanceScope, scanKind } from "groundstate";
 *
 * const scope = maintenanceScope({ reason: "count notes", allTenants: true });
 * let count = 0;
 * for await (const _ of scanKind(store, scope, "note")) count++;
 * ```
 */
export function maintenanceScope(claim: ScopeClaim): MaintenanceScope {
  if (typeof claim !== "object" || claim === null) throw invalid("scope", "an object with a reason");
  const { reason: rawReason } = claim;
  const reason = readText(rawReason, "reason", REASON_BYTES);
  if (reason.trim() === "") throw invalid("reason", "words that an operator can read");
  const scope = Object.freeze("tenant" in claim ? tenantScope(reason, claim) : allTenants(reason, claim));
  processState.scopes.add(scope);
  return scope as MaintenanceScope;
}

/** Refuses every object that `maintenanceScope` has not made, copies of scopes included. */
export function validateScope(scope: unknown): MaintenanceScope {
  if (typeof scope === "object" && scope !== null && processState.scopes.has(scope)) {
    return scope as MaintenanceScope;
  }
  throw new StateError(
    "MAINTENANCE_SCOPE_REQUIRED",
    "a scan across identities needs a scope made by maintenanceScope({ reason, tenant }) or maintenanceScope({ reason, allTenants: true })",
    { details: {} },
  );
}

function tenantScope(reason: string, claim: { readonly tenant: string }): object {
  if ("allTenants" in claim) throw invalid("scope", "over one tenant or over all of them, not both");
  const { tenant } = claim;
  if (tenant === undefined) throw invalid("tenant", "left out or a name");
  return { reason, tenant: readName(tenant, "tenant") };
}

function allTenants(reason: string, claim: { readonly allTenants?: unknown }): object {
  if (claim.allTenants !== true) throw invalid("scope", "given a tenant, or allTenants: true");
  return { reason };
}
