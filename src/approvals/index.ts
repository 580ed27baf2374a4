import type { StateStore } from "../contract/store.js";
import { Approvals } from "./approvals.js";
import type { ApprovalsOptions } from "./options.js";

export type { ExpireOptions, WaitOptions } from "../lifecycle/options.js";
export type { Repeatable } from "../lifecycle/repeat.js";

/**
 * Durable gates on tool calls.
 *
 * @example
 * ```ts
 * import { createApprovals } from "groundstate/approvals";
 *
 * const gates = createApprovals(store, { requireOtherDecider: true });
 * const call = { tool: "transfer", arguments: { to: "DE02", amount: 250 } };
 * const { approval } = await gates.request(session, { ...call, requester: "ada" });
 * const { status } = await gates.wait(session, approval.id, { timeoutMs: 60_000 });
 * if (status === "approved") await gates.claim(session, approval.id, call);
 * ```
 */
export function createApprovals(store: StateStore, options?: ApprovalsOptions): Approvals {
  return new Approvals(store, options);
}

export type {
  CancelInput,
  ClaimInput,
  CompleteInput,
  DecideInput,
  FailInput,
} from "./actions.js";
export type { Approval, ApprovalStatus, Claim, Decision, Outcome } from "./approval.js";
export type { Approvals } from "./approvals.js";
export type { MayDecide } from "./deciders.js";
export { callDigest } from "./digest.js";
export type { DecisionRule } from "./errors.js";
export type { ApprovalsInUnit } from "./in-unit.js";
export type {
  ApprovalPage,
  ApprovalReceipt,
  ApprovalsOptions,
  ListApprovalsOptions,
  RecoverOptions,
  Where,
} from "./options.js";
export type { ApprovalRequest } from "./request.js";
