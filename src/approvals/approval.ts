import type { SessionIdentity } from "../contract/store.js";
import type { JsonValue } from "../typed/json-value.js";

/**
 * To which statuses each status leads. A reader that lists one after the other in this order does not miss an approval that
 * changes meanwhile.
 */
export const TRANSITIONS = {
  pending: ["approved", "denied", "cancelled", "expired"],
  approved: ["claimed", "expired"],
  denied: [],
  cancelled: [],
  expired: [],
  claimed: ["completed", "failed"],
  completed: [],
  failed: [],
} as const;

export const STATUSES = Object.keys(TRANSITIONS) as readonly ApprovalStatus[];

/** The status of an approval. */
export type ApprovalStatus =
  | "pending"
  | "approved"
  | "denied"
  | "cancelled"
  | "expired"
  | "claimed"
  | "completed"
  | "failed";

/** A durable gate on one tool call. */
export interface Approval {
  /** Unique within its session; the request's `id` if it had one. */
  readonly id: string;
  /** The session that asked. */
  readonly identity: SessionIdentity;
  /** The status now: `expired` once `expiresAt` has passed, also before `expireOverdue` marks the approval. */
  readonly status: ApprovalStatus;
  /** The tool that is to be called. */
  readonly tool: string;
  /** The arguments of the call, in JSON. */
  readonly arguments: JsonValue;
  /** The digest of tool and arguments, as `callDigest` calculates it. */
  readonly digest: string;
  /** What the call does outside, in the caller's words. */
  readonly sideEffect?: string;
  /** The question to the decider. */
  readonly question?: string;
  /** Who asked, in the caller's words. */
  readonly requester?: string;
  /** The run that asked, in the caller's words. */
  readonly run?: string;
  /** The step that asked, in the caller's words. */
  readonly step?: string;
  /** Where the request came from, in the caller's words. */
  readonly sender?: JsonValue;
  /** When it was requested. */
  readonly requestedAt: Date;
  /** From this time on the approval can be neither decided nor claimed. */
  readonly expiresAt: Date;
  /** The decision, if there is one. */
  readonly decision?: Decision;
  /** The claim, if the call was claimed. */
  readonly claim?: Claim;
  /** The outcome of the call, if it was reported. */
  readonly outcome?: Outcome;
}

/** The final decision on a request. */
export interface Decision {
  /** What was decided. */
  readonly status: "approved" | "denied" | "cancelled";
  /** Who decided. */
  readonly by: string;
  /** Why, in their words. */
  readonly reason?: string;
  /** When. */
  readonly at: Date;
}

/** Who claimed the call, and when. */
export interface Claim {
  /** Who makes the call, if that was given. */
  readonly by?: string;
  /** When it was claimed. */
  readonly at: Date;
}

/** The outcome of the call: an `error` if it failed, otherwise the `result` if one was given. */
export interface Outcome {
  /** What the call returned, in JSON. */
  readonly result?: JsonValue;
  /** Why the call failed. */
  readonly error?: string;
  /** Who reported the outcome, if that was given. */
  readonly by?: string;
  /** When it was reported. */
  readonly at: Date;
}
