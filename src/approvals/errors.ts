import { StateError } from "../contract/errors.js";
import type { ApprovalStatus, Claim, Decision, Outcome } from "./approval.js";

/** The rule that refused a decision. */
export type DecisionRule = "mayDecide" | "requireOtherDecider";

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /** `decide`, `cancel`, `claim`: the request was decided or cancelled before; `winner` says how. */
    ALREADY_DECIDED: { readonly winner: Decision };
    /** `decide`: a rule refused the decision. Nothing was decided. */
    FORBIDDEN: { readonly rule: DecisionRule };
    /** `claim`: the tool or the arguments differ from those of the request. */
    DIGEST_MISMATCH: Record<never, never>;
    /** `claim`: nobody has decided yet. */
    NOT_DECIDED: Record<never, never>;
    /** `claim`: the call was claimed before, by whom and when. */
    ALREADY_CLAIMED: Claim;
    /** `complete`, `fail`: the call was not claimed. */
    NOT_CLAIMED: { readonly status: ApprovalStatus };
    /** `complete`, `fail`: the outcome of the call was reported before. */
    ALREADY_FINISHED: { readonly outcome: Outcome };
  }
}

export function forbidden(rule: DecisionRule): StateError<"FORBIDDEN"> {
  return new StateError("FORBIDDEN", `${rule} does not allow this decision`, { details: { rule } });
}
