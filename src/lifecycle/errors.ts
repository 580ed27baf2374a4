import { StateError } from "../contract/errors.js";

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /** A change of a record whose time has passed. */
    EXPIRED: { readonly expiresAt: Date };
    /** `wait`: it was still what is waited out when the time was up. */
    WAIT_TIMED_OUT: { readonly timeoutMs: number };
  }
}

/** EXPIRED with the message `the <noun> has expired`. `expiresAt` is in milliseconds since 1970. */
export function expiredError(noun: string, expiresAt: number): StateError<"EXPIRED"> {
  return new StateError("EXPIRED", `the ${noun} has expired`, {
    details: { expiresAt: new Date(expiresAt) },
  });
}

/** WAIT_TIMED_OUT */
export function waitTimedOut(awaited: readonly string[], timeoutMs: number): StateError<"WAIT_TIMED_OUT"> {
  return new StateError("WAIT_TIMED_OUT", `still ${awaited.join(" or ")} after ${timeoutMs} ms`, {
    details: { timeoutMs },
  });
}
