import type { StateStore } from "../contract/store.js";
import type { PoliciesOptions } from "./options.js";
import { Policies } from "./policies.js";

/**
 * Named policies of a tenant, and what people have allowed for good.
 *
 * @example
 * ```ts
 * import { createPolicies } from "groundstate/policies";
 *
 * const rules = createPolicies(store);
 * const careful = { name: "careful", tools: ["files.read", "files.delete"], approvals: [{ sideEffect: "write*" }] };
 * await rules.put({ tenant: session.tenant }, careful);
 * const call = { policy: "careful", tool: "files.delete", sideEffect: "write.disk" };
 * console.log((await rules.judge(session, call)).verdict); // approve
 * await rules.remember(session, { tool: "files.delete", by: "grace", ttlMs: 3_600_000 });
 * console.log((await rules.judge(session, call)).verdict); // allow
 * ```
 */
export function createPolicies(store: StateStore, options?: PoliciesOptions): Policies {
  return new Policies(store, options);
}

export { evaluate, type JudgedCall, type Judgement, type Verdict, type VerdictReason } from "./evaluate.js";
export type { Grant, GrantRule, GrantScope, NewGrant } from "./grant.js";
export type { PoliciesInUnit } from "./in-unit.js";
export type { GrantReceipt, PolicyReceipt } from "./operations.js";
export type {
  CallUnderPolicy,
  ListPoliciesOptions,
  PoliciesOptions,
  PolicyPage,
  PolicyVersionOptions,
} from "./options.js";
export type { Policies } from "./policies.js";
export type { AllowedTools, ApprovalRule, NewPolicy, Policy } from "./policy.js";
export type { TenantRef } from "./stored-policy.js";
