import type { CallOptions } from "../contract/store.js";
import type { Clock } from "../typed/time.js";
import type { Approval } from "./approval.js";
import type { DecidersOptions } from "./deciders.js";

/** What `createApprovals` takes beside the store. */
export interface ApprovalsOptions extends DecidersOptions {
  /** How often `wait` looks for decisions of other processes, in milliseconds: 1 to 60,000. Default 250. */
  readonly pollMs?: number;
  /**
   * Milliseconds since 1970. Default the process's clock. It judges what is expired, at the moment of each attempt:
   * the clocks of all processes should agree to within a few seconds.
   */
  readonly clock?: Clock;
}

/** What became of a request. */
export interface ApprovalReceipt {
  /** The approval that was asked for. */
  readonly approval: Approval;
  /** It had been asked for before: nothing was written now, and the approval is as it is now. */
  readonly duplicate: boolean;
}

/** How long `wait` waits. */
export interface WaitOptions extends CallOptions {
  /** 1 to ten years, in milliseconds. Default: for as long as it takes. */
  readonly timeoutMs?: number;
}

/** What `expireOverdue` does beside marking. */
export interface ExpireOptions extends CallOptions {
  /**
   * Also removes what still points at erased sessions; looks at every approval. Without it, what points at them is
   * removed as it is met: where they were pending or approved and their time is over, and in lists. Default false.
   */
  readonly erased?: boolean;
}

/** Which approvals `recover` goes through. */
export interface RecoverOptions extends CallOptions {
  /** Default `pending`. */
  readonly status?: "pending" | "approved" | "claimed" | readonly ("pending" | "approved" | "claimed")[];
}
