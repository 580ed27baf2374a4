import { StateError } from "../contract/errors.js";

/** How a question was settled, without what was answered. */
export interface Settled {
  /** What happened to it. */
  readonly status: "answered" | "cancelled";
  /** By whom. */
  readonly by: string;
  /** When. */
  readonly at: Date;
}

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /** `answer`, `cancel`, `extend`, `expire`: the question was answered or cancelled before; `winner` says by whom. */
    ALREADY_ANSWERED: { readonly winner: Settled };
  }
}

export function alreadyAnswered(winner: Settled): StateError<"ALREADY_ANSWERED"> {
  return new StateError("ALREADY_ANSWERED", `the question was ${winner.status} before`, {
    details: { winner },
  });
}
