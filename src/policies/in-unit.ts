import type { Unit } from "../typed/together/unit.js";
import type { GrantRule, GrantScope, NewGrant } from "./grant.js";
import type { GrantReceipt, PolicyOperations, PolicyReceipt } from "./operations.js";
import type { NewPolicy } from "./policy.js";
import type { TenantRef } from "./stored-policy.js";

/**
 * The mutating methods of policies that fit into a commit, as part of a unit of `together`. They take, answer and refuse what
 * the methods of `Policies` of the same names do, without a signal.
 */
export class PoliciesInUnit {
  readonly #unit: Unit;
  readonly #operations: PolicyOperations;

  /** @internal */
  constructor(unit: Unit, operations: PolicyOperations) {
    this.#unit = unit;
    this.#operations = operations;
  }

  /** Like `Policies.put`. */
  async put(tenant: TenantRef, policy: NewPolicy): Promise<PolicyReceipt> {
    return this.#unit.run(this.#operations.put(tenant, policy));
  }

  /** Like `Policies.remember`. */
  async remember(identity: GrantScope, grant: NewGrant): Promise<GrantReceipt> {
    return this.#unit.run(this.#operations.remember(identity, grant));
  }

  /** Like `Policies.revoke`. */
  async revoke(identity: GrantScope, rule: GrantRule): Promise<boolean> {
    return this.#unit.run(this.#operations.revoke(identity, rule));
  }
}
