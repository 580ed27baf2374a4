import { StateError } from "../../../src/contract/errors.js";
import type { ClientPool } from "../client-pool.js";
import type { TenantProof } from "./tenant-proof.js";

/** Runs each statement as one tenant, and those of all tenants by another role. */
export class Isolation {
  readonly proof: TenantProof;
  readonly #admin: ClientPool | undefined;

  /** `admin` makes no connection until it is used; `undefined` if there is no role that sees all tenants. */
  constructor(proof: TenantProof, admin: ClientPool | undefined) {
    this.proof = proof;
    this.#admin = admin;
  }

  /** Throws UNAVAILABLE without one. */
  adminPool(): ClientPool {
    if (this.#admin !== undefined) return this.#admin;
    throw new StateError(
      "UNAVAILABLE",
      "what is of all tenants needs a role that sees them: open with admin: { url }, or name one tenant (docs/drivers/postgres-isolation.md)",
      { details: { reason: "setup" } },
    );
  }

  async close(): Promise<void> {
    await this.#admin?.close();
  }
}
