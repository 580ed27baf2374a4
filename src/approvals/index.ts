import type { StateStore } from "../contract/store.js";
import { Approvals } from "./approvals.js";
import type { ApprovalsOptions } from "./options.js";

export type { Act, ActInput, ExtendInput, Extension } from "../lifecycle/acts.js";
export type { ExpireOptions, LocateOptions, WaitOptions } from "../lifecycle/options.js";
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
  CancelAllInput,
  CancelInput,
  ClaimInput,
  CompleteInput,
  DecideInput,
  FailInput,
  ReassignInput,
  RevokeInput,
} from "./actions.js";
export type {
  Approval,
  ApprovalStatus,
  Assignment,
  Claim,
  Decision,
  Edit,
  Outcome,
  Settled,
  Vote,
} from "./approval.js";
export type { Approvals } from "./approvals.js";
export type { AuditKeeping } from "./audit.js";
export type { AuditEntry } from "./audit-entry.js";
export type { MayDecide, WantedDecision } from "./deciders.js";
export { callDigest } from "./digest.js";
export type { DecisionRule } from "./errors.js";
export type { ApprovalsInUnit } from "./in-unit.js";
export type {
  ApprovalFilter,
  ApprovalPage,
  ApprovalReceipt,
  ApprovalsOptions,
  ApprovalTarget,
  AuditOptions,
  AuditPage,
  CountApprovalsOptions,
  ListApprovalsOptions,
  RecoverOptions,
  Where,
} from "./options.js";
export type { ApprovalRequest } from "./request.js";
