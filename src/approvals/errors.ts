import { StateError } from "../contract/errors.js";
import type { ApprovalStatus, Claim, Decision, Outcome } from "./approval.js";

/** What stood in the way of a decision: `mayDecide`, or `requireOtherDecider`. */
export type DecisionRule = "mayDecide" | "requireOtherDecider";

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /** `decide`, `cancel`, `claim`: it was settled before, and this is how. */
    ALREADY_DECIDED: { readonly winner: Decision };
    /** `decide`, `cancel`, `claim`: its time is over. */
    EXPIRED: { readonly expiresAt: Date };
    /** `decide`: whoever decides may not. Nothing was decided. */
    FORBIDDEN: { readonly rule: DecisionRule };
    /** `claim`: the tool or the arguments are not those that were asked for. */
    DIGEST_MISMATCH: Record<never, never>;
    /** `claim`: nobody has decided yet. */
    NOT_DECIDED: Record<never, never>;
    /** `claim`: the call was taken in hand before, by whom and when. */
    ALREADY_CLAIMED: Claim;
    /** `complete`, `fail`: nobody took the call in hand. */
    NOT_CLAIMED: { readonly status: ApprovalStatus };
    /** `complete`, `fail`: what became of the call was said before. */
    ALREADY_FINISHED: { readonly outcome: Outcome };
    /** `wait`: it was still pending when the time was up. */
    WAIT_TIMED_OUT: { readonly timeoutMs: number };
  }
}

export function noSuchApproval(): StateError<"NOT_FOUND"> {
  return new StateError("NOT_FOUND", "no such approval in this session", { details: {} });
}

export function forbidden(rule: DecisionRule): StateError<"FORBIDDEN"> {
  return new StateError("FORBIDDEN", `${rule} does not allow this decision`, { details: { rule } });
}
