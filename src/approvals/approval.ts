import type { SessionIdentity } from "../contract/store.js";
import type { JsonValue } from "../typed/json-value.js";

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

/** Where an approval stands. */
export type ApprovalStatus = (typeof STATUSES)[number];

/** A durable gate on one tool call. */
export interface Approval {
  /** Unique within its session; the request's `id` if it had one. */
  readonly id: string;
  /** The session that asked. */
  readonly identity: SessionIdentity;
  /** As it is now: a pending or approved one whose time is over is `expired`, whether or not anybody marked it. */
  readonly status: ApprovalStatus;
  /** The tool that is to be called. */
  readonly tool: string;
  /** The arguments of the call, in JSON. */
  readonly arguments: JsonValue;
  /** Of tool and arguments, as `callDigest` has it. */
  readonly digest: string;
  /** What the call does outside, in the caller's words. */
  readonly sideEffect?: string;
  /** What the one who decides is asked. */
  readonly question?: string;
  /** Who asked, in the caller's words. */
  readonly requester?: string;
  /** The run that asked, in the caller's words. */
  readonly run?: string;
  /** The step that asked, in the caller's words. */
  readonly step?: string;
  /** Where the request came from, in the caller's words. */
  readonly sender?: JsonValue;
  /** When it was asked for. */
  readonly requestedAt: Date;
  /** From this moment on it can neither be decided nor claimed. */
  readonly expiresAt: Date;
  /** How it was settled, if it was. */
  readonly decision?: Decision;
  /** Who took the call in hand, if somebody did. */
  readonly claim?: Claim;
  /** What became of the call, if that was said. */
  readonly outcome?: Outcome;
}

/** How a request was settled, once and for all. */
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

/** Who took the call in hand, and when. */
export interface Claim {
  /** Who makes the call, if that was said. */
  readonly by?: string;
  /** When it was claimed. */
  readonly at: Date;
}

/** What became of the call: an `error` when it failed, else a `result` where one was given. */
export interface Outcome {
  /** What the call returned, in JSON. */
  readonly result?: JsonValue;
  /** Why the call failed. */
  readonly error?: string;
  /** Who said so, if that was said. */
  readonly by?: string;
  /** When it was said. */
  readonly at: Date;
}
