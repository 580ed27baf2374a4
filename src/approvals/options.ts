import type { CallOptions, SessionIdentity } from "../contract/store.js";
import type { ListRecordsOptions } from "../lifecycle/options.js";
import type { Clock } from "../typed/time.js";
import type { Approval, ApprovalStatus } from "./approval.js";
import type { DecidersOptions } from "./deciders.js";

/** The options of `createApprovals`. */
export interface ApprovalsOptions extends DecidersOptions {
  /** How often `wait` looks for decisions of other processes, in milliseconds: 1 to 60,000. Default 250. */
  readonly pollMs?: number;
  /**
   * Milliseconds since 1970. Default the process's clock. It decides at each call whether an approval has expired, so the
   * clocks of all processes should agree to within a few seconds.
   */
  readonly clock?: Clock;
}

/** The result of a request. */
export interface ApprovalReceipt {
  /** The approval. */
  readonly approval: Approval;
  /** The approval was requested before: this call wrote nothing, and `approval` is its current state. */
  readonly duplicate: boolean;
}

/** Whose approvals to list: those of a session, or of a whole tenant. */
export type Where = SessionIdentity | { readonly tenant: string };

/** Which approvals `list` returns. */
export interface ListApprovalsOptions extends Omit<ListRecordsOptions<ApprovalStatus>, "by"> {}

/** A page of approvals. */
export interface ApprovalPage {
  /** Newest first. */
  readonly approvals: readonly Approval[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string;
}

/** Which approvals `recover` returns. */
export interface RecoverOptions extends CallOptions {
  /** Default `pending`. */
  readonly status?: "pending" | "approved" | "claimed" | readonly ("pending" | "approved" | "claimed")[];
}
