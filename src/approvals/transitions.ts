import { extended, type NewExtension } from "../lifecycle/acts.js";
import { expiredError } from "../lifecycle/errors.js";
import { isRepeat } from "../lifecycle/repeat.js";
import type { Moment } from "../lifecycle/stored.js";
import {
  alreadyClaimed,
  alreadyDecided,
  alreadyFinished,
  digestMismatch,
  notClaimed,
  notDecided,
} from "./errors.js";
import type {
  StoredAssignment,
  StoredClaim,
  StoredDecision,
  StoredOutcome,
  StoredRevocation,
} from "./stored-acts.js";
import type { StoredState } from "./stored-approval.js";

type Now = Pick<Moment<StoredState, unknown>, "now" | "status">;

export type NewClaim = Omit<StoredClaim, "at">;
export type NewOutcome = Omit<StoredOutcome, "at">;
export type NewRevocation = Omit<StoredRevocation, "at">;
export type NewAssignment = Omit<StoredAssignment, "at">;
/** A denial or a cancellation. */
export type NewRefusal = Omit<StoredDecision, "at">;

/** Denies or cancels. ALREADY_DECIDED, EXPIRED. */
export function refuse(approval: StoredState, made: NewRefusal, { now, status }: Now): StoredState {
  if (approval.decision !== undefined && isRepeat(approval.decision, made)) return approval;
  refuseUnlessPending(approval, status);
  return { ...approval, status: made.status, decision: { ...made, at: now } };
}

/** Takes back an approval. NOT_DECIDED, ALREADY_DECIDED, EXPIRED, ALREADY_CLAIMED. */
export function revoke(approval: StoredState, made: NewRevocation, { now, status }: Now): StoredState {
  if (approval.revocation !== undefined && isRepeat(approval.revocation, made)) return approval;
  refuseUnlessApproved(approval, status);
  return { ...approval, status: "revoked", revocation: { ...made, at: now } };
}

/** Gives a pending or approved one more time, and never less. ALREADY_DECIDED, EXPIRED, ALREADY_CLAIMED. */
export function extend(approval: StoredState, made: NewExtension, { now, status }: Now): StoredState {
  return extended(approval, made, {
    now,
    refuse: () =>
      approval.decision === undefined
        ? refuseUnlessPending(approval, status)
        : refuseUnlessApproved(approval, status),
  });
}

/** Changes who should decide. ALREADY_DECIDED, EXPIRED. */
export function reassign(approval: StoredState, made: NewAssignment, { now, status }: Now): StoredState {
  if (approval.assignment !== undefined && isRepeat(approval.assignment, made)) return approval;
  refuseUnlessPending(approval, status);
  return { ...approval, assignment: { ...made, at: now } };
}

/** DIGEST_MISMATCH, NOT_DECIDED, ALREADY_DECIDED, EXPIRED, ALREADY_CLAIMED. */
export function claim(
  approval: StoredState,
  digest: string,
  newClaim: NewClaim,
  { now, status }: Now,
): StoredState {
  if (digest !== claimableDigest(approval)) throw digestMismatch();
  // A repeated claim after the call was finished is refused: the caller would make the call a second time.
  if (approval.claim !== undefined && status === "claimed" && isRepeat(approval.claim, newClaim))
    return approval;
  refuseUnlessApproved(approval, status);
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
    digest === claimableDigest(approval) &&
    outcome !== undefined &&
    claim !== undefined &&
    isRepeat(claim, newClaim)
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

/** ALREADY_DECIDED, EXPIRED. */
export function refuseUnlessPending(approval: StoredState, status: StoredState["status"]): void {
  if (approval.decision !== undefined) throw alreadyDecided(approval.decision, approval.revocation);
  if (status === "expired") throw expiredError("approval", approval.expiresAt);
}

/** NOT_DECIDED, ALREADY_DECIDED, EXPIRED, ALREADY_CLAIMED. */
function refuseUnlessApproved(approval: StoredState, status: StoredState["status"]): void {
  const { claim, decision, revocation, expiresAt } = approval;
  if (claim !== undefined) throw alreadyClaimed(claim);
  if (status === "expired") throw expiredError("approval", expiresAt);
  if (decision === undefined) throw notDecided();
  if (status !== "approved") throw alreadyDecided(decision, revocation);
}

/** The digest of the call that may be claimed: of the edit, if there is one. */
export function claimableDigest({ digest, edited }: StoredState): string {
  return edited?.digest ?? digest;
}
