import { StateError } from "../contract/errors.js";
import { expiredError } from "../lifecycle/errors.js";
import { isRepeat, withDate } from "../lifecycle/repeat.js";
import type { Moment } from "../lifecycle/stored.js";
import type { ApprovalStatus } from "./approval.js";
import {
  decisionOf,
  type StoredClaim,
  type StoredDecision,
  type StoredOutcome,
  type StoredState,
} from "./stored-approval.js";

type Now = Pick<Moment<StoredState, unknown>, "now" | "status">;

/** A decision or a cancellation. With `ttlMs`, the approved call can be claimed for that long. */
export type Settlement = Omit<StoredDecision, "at">;
export type NewClaim = Omit<StoredClaim, "at">;
export type NewOutcome = Omit<StoredOutcome, "at">;

/** ALREADY_DECIDED, EXPIRED. */
export function settle(approval: StoredState, made: Settlement, { now, status }: Now): StoredState {
  if (approval.decision !== undefined) {
    if (isRepeat(approval.decision, made)) return approval;
    throw alreadyDecided(approval.decision);
  }
  if (status === "expired") throw expiredError("approval", approval.expiresAt);
  return {
    ...approval,
    status: made.status,
    decision: { ...made, at: now },
    ...(made.ttlMs === undefined ? {} : { expiresAt: now + made.ttlMs }),
  };
}

/** DIGEST_MISMATCH, NOT_DECIDED, ALREADY_DECIDED, EXPIRED, ALREADY_CLAIMED. */
export function claim(
  approval: StoredState,
  digest: string,
  newClaim: NewClaim,
  { now, status }: Now,
): StoredState {
  if (digest !== approval.digest) throw mismatch();
  if (approval.claim !== undefined) {
    // A repeated claim after the call was finished is refused: the caller would make the call a second time.
    if (status === "claimed" && isRepeat(approval.claim, newClaim)) return approval;
    throw alreadyClaimed(approval.claim);
  }
  if (status === "expired") throw expiredError("approval", approval.expiresAt);
  if (approval.decision === undefined) throw notDecided();
  if (status !== "approved") throw alreadyDecided(approval.decision);
  return { ...approval, status: "claimed", claim: { ...newClaim, at: now } };
}

/** Whether this claim was made before, and its call has been finished since. */
export function isFinishedRepeat(
  approval: StoredState,
  digest: string,
  newClaim: NewClaim,
): approval is StoredState & { readonly claim: StoredClaim } {
  const { claim, outcome } = approval;
  return (
    digest === approval.digest && outcome !== undefined && claim !== undefined && isRepeat(claim, newClaim)
  );
}

/** NOT_CLAIMED, ALREADY_FINISHED. */
export function finish(approval: StoredState, made: NewOutcome, { now, status }: Now): StoredState {
  if (approval.outcome !== undefined) {
    if (isRepeat(approval.outcome, made)) return approval;
    throw alreadyFinished(approval.outcome);
  }
  if (approval.claim === undefined) throw notClaimed(status);
  return {
    ...approval,
    status: made.error === undefined ? "completed" : "failed",
    outcome: { ...made, at: now },
  };
}

function alreadyDecided(decision: StoredDecision): StateError<"ALREADY_DECIDED"> {
  const winner = decisionOf(decision);
  return new StateError("ALREADY_DECIDED", `the request was ${winner.status} before`, {
    details: { winner },
  });
}

function mismatch(): StateError<"DIGEST_MISMATCH"> {
  return new StateError(
    "DIGEST_MISMATCH",
    "the tool or the arguments differ from the call that was requested",
    {
      details: {},
    },
  );
}

function notDecided(): StateError<"NOT_DECIDED"> {
  return new StateError("NOT_DECIDED", "nobody has decided yet", { details: {} });
}

export function alreadyClaimed(before: StoredClaim): StateError<"ALREADY_CLAIMED"> {
  return new StateError("ALREADY_CLAIMED", "the call was claimed before", { details: withDate(before) });
}

function notClaimed(status: ApprovalStatus): StateError<"NOT_CLAIMED"> {
  return new StateError("NOT_CLAIMED", `nobody claimed the call; it is ${status}`, { details: { status } });
}

function alreadyFinished(before: StoredOutcome): StateError<"ALREADY_FINISHED"> {
  const outcome = withDate(before);
  return new StateError("ALREADY_FINISHED", "the outcome of the call was reported before", {
    details: { outcome },
  });
}
