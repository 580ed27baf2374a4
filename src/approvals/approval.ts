import type { SessionIdentity } from "../contract/store.js";
import type { Act, Extension } from "../lifecycle/acts.js";
import type { JsonValue } from "../typed/json-value.js";

/**
 * To which statuses each status leads. A reader that lists one after the other in this order does not miss an approval that
 * changes meanwhile.
 */
export const TRANSITIONS = {
  pending: ["pending", "approved", "denied", "cancelled", "expired"],
  approved: ["approved", "claimed", "revoked", "expired"],
  denied: [],
  cancelled: [],
  revoked: [],
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
  | "revoked"
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
  /** The arguments that were asked for, in JSON. */
  readonly arguments: JsonValue;
  /** The digest of tool and arguments, as `callDigest` calculates it. */
  readonly digest: string;
  /** Other arguments that a decider put in place of these. If it is approved, this is the call that may be claimed. */
  readonly edited?: Edit;
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
  /** How many people have to approve. Absent: one. */
  readonly approvals?: number;
  /** The groups that approve: each gives one of the approvals. */
  readonly groups?: readonly string[];
  /** Who should decide, in the caller's words. */
  readonly assignee?: string;
  /** The latest reassignment, if there was one. */
  readonly assignment?: Assignment;
  /** When it was requested. */
  readonly requestedAt: Date;
  /** From this time on the approval can be neither decided nor claimed. */
  readonly expiresAt: Date;
  /** The latest extension, if there was one. */
  readonly extension?: Extension;
  /** Who has approved so far, where several people have to. */
  readonly votes?: readonly Vote[];
  /** The decision, if there is one. Where several people approve, it is that of the last one. */
  readonly decision?: Decision;
  /** The revocation, if an approval was taken back. */
  readonly revocation?: Act;
  /** The claim, if the call was claimed. */
  readonly claim?: Claim;
  /** The outcome of the call, if it was reported. */
  readonly outcome?: Outcome;
  /** When retention removed the arguments, which are `null` then, the question, the sender and the result. */
  readonly payloadRemovedAt?: Date;
}

/** The decision on a request. */
export interface Decision extends Act {
  /** What was decided. */
  readonly status: "approved" | "denied" | "cancelled";
  /** The group that they decided for, where the request names groups. */
  readonly group?: string;
}

/** What an approval came to: its decision, or the revocation of it. */
export interface Settled extends Omit<Decision, "status"> {
  /** `revoked`: it was approved, and taken back. */
  readonly status: Decision["status"] | "revoked";
}

/** One approval of several. */
export interface Vote extends Act {
  /** The group that they approved for. */
  readonly group?: string;
}

/** Arguments that a decider put in place of those that were asked for. */
export interface Edit {
  /** The new arguments, in JSON. */
  readonly arguments: JsonValue;
  /** The digest of the tool and the new arguments. */
  readonly digest: string;
  /** Who edited: a decider. */
  readonly by: string;
  /** When. */
  readonly at: Date;
}

/** A change of who should decide. */
export interface Assignment extends Act {
  /** Who should decide from now on; `null`: nobody in particular. */
  readonly assignee: string | null;
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
