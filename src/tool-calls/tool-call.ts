import type { Outcome } from "../approvals/approval.js";
import type { SessionIdentity } from "../contract/store.js";
import type { JsonValue } from "../typed/json-value.js";

/** To which statuses each status leads. */
export const TRANSITIONS = {
  begun: ["succeeded", "failed", "abandoned"],
  succeeded: [],
  failed: [],
  abandoned: [],
} as const;

/** The status of a call: `begun` until somebody says what came of it. */
export type ToolCallStatus = keyof typeof TRANSITIONS;

/** A tool call: that it was about to be made, and what came of it. */
export interface ToolCall {
  /** Unique within its session. */
  readonly id: string;
  /** The session that makes the call. */
  readonly identity: SessionIdentity;
  /** What is known of it. */
  readonly status: ToolCallStatus;
  /** The tool. */
  readonly tool: string;
  /** The arguments, in JSON. */
  readonly arguments: JsonValue;
  /** The digest of tool and arguments, as `callDigest` of approvals calculates it. */
  readonly digest: string;
  /** What the call does outside, in the caller's words. */
  readonly sideEffect?: string;
  /** The run that makes the call. */
  readonly run?: string;
  /** The step of the run. */
  readonly step?: string;
  /** The id of the approval that it claimed. */
  readonly approval?: string;
  /** When it began: right before it was made. */
  readonly begunAt: Date;
  /** What came of it; absent while nobody has said so. */
  readonly outcome?: CallOutcome;
  /** When retention removed the arguments, which are `null` then, the result, and the text of the error. */
  readonly payloadRemovedAt?: Date;
}

/** What came of a call: a `result`, an `error`, or the `reason` why nobody will know. */
export interface CallOutcome extends Outcome {
  /** Why the call was abandoned. */
  readonly reason?: string;
}
