import { StateError } from "../contract/errors.js";
// The code ALREADY_FINISHED is shared with approvals.
import "../approvals/errors.js";
import type { ToolCall } from "./tool-call.js";

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /** `begin`, `once`: a call of this id has begun before; `call` is what is known of it. */
    ALREADY_BEGUN: { readonly call: ToolCall };
    /** `begin`, `once`: the policy wants an approval of this call, and none was named. Nothing has begun. */
    APPROVAL_REQUIRED: { readonly digest: string };
    /** `begin`, `once`: the policy forbids this call. Nothing has begun. */
    CALL_FORBIDDEN: Record<never, never>;
  }
}

export function alreadyBegun(call: ToolCall): StateError<"ALREADY_BEGUN"> {
  return new StateError("ALREADY_BEGUN", `a call of this id was begun before; it is ${call.status}`, {
    details: { call },
  });
}

export function approvalRequired(digest: string): StateError<"APPROVAL_REQUIRED"> {
  return new StateError("APPROVAL_REQUIRED", "this call cannot begin without an approval of it", {
    details: { digest },
  });
}

export function callForbidden(): StateError<"CALL_FORBIDDEN"> {
  return new StateError("CALL_FORBIDDEN", "the policy forbids this call", { details: {} });
}
