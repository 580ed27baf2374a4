import { StateError } from "../contract/errors.js";
import { withDate } from "../lifecycle/repeat.js";
import type { ApprovalStatus, Claim, Outcome, Settled, Vote } from "./approval.js";
import {
  decisionOf,
  type StoredClaim,
  type StoredDecision,
  type StoredOutcome,
  type StoredRevocation,
  type StoredVote,
  voteOf,
} from "./stored-acts.js";

/** The rule that refused a decision. */
export type DecisionRule = "mayDecide" | "requireOtherDecider" | "groups";

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /** A change of a request that was decided, cancelled or revoked before; `winner` says how. */
    ALREADY_DECIDED: { readonly winner: Settled };
    /** `decide`, `extend`: a rule refused it. Nothing was changed. */
    FORBIDDEN: { readonly rule: DecisionRule };
    /** `decide`: this person, or their group, has approved before. */
    ALREADY_VOTED: { readonly vote: Vote };
    /** `claim`: the tool or the arguments differ from what was approved. `decide`: they differ from the edit. */
    DIGEST_MISMATCH: Record<never, never>;
    /** `claim`, `revoke`: nobody has decided yet. */
    NOT_DECIDED: Record<never, never>;
    /** `claim`, `revoke`, `extend`: the call was claimed before, by whom and when. */
    ALREADY_CLAIMED: Claim;
    /** `complete`, `fail`: the call was not claimed. */
    NOT_CLAIMED: { readonly status: ApprovalStatus };
    /** `complete`, `fail`: the outcome of the call was reported before. */
    ALREADY_FINISHED: { readonly outcome: Outcome };
  }
}

const REFUSALS: Readonly<Record<DecisionRule, string>> = {
  mayDecide: "mayDecide does not allow this decision",
  requireOtherDecider: "requireOtherDecider does not allow this decision",
  groups: "it has to be for one of the groups of the request, and mayDecide has to say who belongs to them",
};

export function forbidden(rule: DecisionRule): StateError<"FORBIDDEN"> {
  return new StateError("FORBIDDEN", REFUSALS[rule], { details: { rule } });
}

export function alreadyDecided(
  decision: StoredDecision,
  revocation: StoredRevocation | undefined,
): StateError<"ALREADY_DECIDED"> {
  const winner: Settled =
    revocation === undefined ? decisionOf(decision) : { status: "revoked", ...withDate(revocation) };
  return new StateError("ALREADY_DECIDED", `the request was ${winner.status} before`, {
    details: { winner },
  });
}

export function alreadyVoted(before: StoredVote): StateError<"ALREADY_VOTED"> {
  return new StateError("ALREADY_VOTED", "this person, or their group, has approved before", {
    details: { vote: voteOf(before) },
  });
}

export function digestMismatch(): StateError<"DIGEST_MISMATCH"> {
  return new StateError("DIGEST_MISMATCH", "the tool or the arguments differ from the call of the approval", {
    details: {},
  });
}

export function notDecided(): StateError<"NOT_DECIDED"> {
  return new StateError("NOT_DECIDED", "nobody has decided yet", { details: {} });
}

export function alreadyClaimed(before: StoredClaim): StateError<"ALREADY_CLAIMED"> {
  return new StateError("ALREADY_CLAIMED", "the call was claimed before", { details: withDate(before) });
}

export function notClaimed(status: ApprovalStatus): StateError<"NOT_CLAIMED"> {
  return new StateError("NOT_CLAIMED", `nobody claimed the call; it is ${status}`, { details: { status } });
}

export function alreadyFinished(before: StoredOutcome): StateError<"ALREADY_FINISHED"> {
  const outcome = withDate(before);
  return new StateError("ALREADY_FINISHED", "the outcome of the call was reported before", {
    details: { outcome },
  });
}
