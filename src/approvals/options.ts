import type { CallOptions } from "../contract/store.js";
import type { Clock } from "../typed/time.js";
import type { Approval } from "./approval.js";
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

/** How long `wait` waits. */
export interface WaitOptions extends CallOptions {
  /** 1 to ten years, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number;
}

/** The options of `expireOverdue`. */
export interface ExpireOptions extends CallOptions {
  /**
   * Also reads every approval and removes index entries of erased sessions. Otherwise such entries are removed when a
   * list meets them, and when their pending or approved approval has expired. Default false.
   */
  readonly erased?: boolean;
}

/** Which approvals `recover` returns. */
export interface RecoverOptions extends CallOptions {
  /** Default `pending`. */
  readonly status?: "pending" | "approved" | "claimed" | readonly ("pending" | "approved" | "claimed")[];
}
