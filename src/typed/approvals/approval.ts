import type { SessionIdentity } from "../../contract.js";
import type { JsonValue } from "../json-value.js";

/**
 * `pending -> approved | denied | cancelled | expired`, `approved -> claimed | expired`,
 * `claimed -> completed | failed`. Whoever reads one after the other in this order does not miss what moves on.
 */
export const STATUSES = [
  "pending",
  "approved",
  "denied",
  "cancelled",
  "expired",
  "claimed",
  "completed",
  "failed",
] as const;

export type ApprovalStatus = (typeof STATUSES)[number];

/** A durable gate on one tool call. */
export interface Approval {
  readonly id: string;
  readonly identity: SessionIdentity;
  /** As it is now: a pending or approved one whose time is over is `expired`, whether or not anybody marked it. */
  readonly status: ApprovalStatus;
  readonly tool: string;
  readonly arguments: JsonValue;
  /** Of tool and arguments, as `callDigest` has it. */
  readonly digest: string;
  /** What the call does outside, in the caller's words. */
  readonly sideEffect?: string;
  /** What the one who decides is asked. */
  readonly question?: string;
  readonly requester?: string;
  readonly run?: string;
  readonly step?: string;
  /** Where the request came from, in the caller's words. */
  readonly sender?: JsonValue;
  readonly requestedAt: Date;
  /** From this moment on it can neither be decided nor claimed. */
  readonly expiresAt: Date;
  readonly decision?: Decision;
  readonly claim?: Claim;
  readonly outcome?: Outcome;
}

/** How a request was settled, once and for all. */
export interface Decision {
  readonly status: "approved" | "denied" | "cancelled";
  readonly by: string;
  readonly reason?: string;
  readonly at: Date;
}

/** Who took the call in hand, and when. */
export interface Claim {
  readonly by?: string;
  readonly at: Date;
}

/** What became of the call: an `error` when it failed, else a `result` where one was given. */
export interface Outcome {
  readonly result?: JsonValue;
  readonly error?: string;
  readonly by?: string;
  readonly at: Date;
}
