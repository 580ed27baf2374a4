import { StateError } from "../contract/errors.js";
import { isSameJson } from "./digest.js";
import type { StoredRequest } from "./request.js";
import {
  type StoredApproval,
  type StoredClaim,
  type StoredDecision,
  type StoredOutcome,
  statusAt,
  withDate,
} from "./stored-approval.js";

/** Returns the approval after a change, or the same object if there is nothing to write. Throws if it is not allowed. */
export type Transition = (approval: StoredApproval, now: number) => StoredApproval;

/** A decision or a cancellation. With `ttlMs`, the approved call can be claimed for that long. */
export type Settlement = Omit<StoredDecision, "at">;
export type NewClaim = Omit<StoredClaim, "at">;
export type NewOutcome = Omit<StoredOutcome, "at">;

/** ALREADY_DECIDED, EXPIRED. */
export function settle(approval: StoredApproval, made: Settlement, now: number): StoredApproval {
  if (approval.decision !== undefined) {
    if (isRepeat(approval.decision, made)) return approval;
    throw alreadyDecided(approval.decision);
  }
  if (statusAt(approval, now) === "expired") throw expired(approval);
  return {
    ...approval,
    status: made.status,
    decision: { ...made, at: now },
    ...(made.ttlMs === undefined ? {} : { expiresAt: now + made.ttlMs }),
  };
}

/** DIGEST_MISMATCH, NOT_DECIDED, ALREADY_DECIDED, EXPIRED, ALREADY_CLAIMED. */
export function claim(
  approval: StoredApproval,
  digest: string,
  newClaim: NewClaim,
  now: number,
): StoredApproval {
  if (digest !== approval.digest) throw mismatch();
  const status = statusAt(approval, now);
  if (approval.claim !== undefined) {
    // A repeated claim after the call was finished is refused: the caller would make the call a second time.
    if (status === "claimed" && isRepeat(approval.claim, newClaim)) return approval;
    throw alreadyClaimed(approval.claim);
  }
  if (status === "expired") throw expired(approval);
  if (approval.decision === undefined) throw notDecided();
  if (status !== "approved") throw alreadyDecided(approval.decision);
  return { ...approval, status: "claimed", claim: { ...newClaim, at: now } };
}

/** NOT_CLAIMED, ALREADY_FINISHED. */
export function finish(approval: StoredApproval, made: NewOutcome, now: number): StoredApproval {
  if (approval.outcome !== undefined) {
    if (isRepeat(approval.outcome, made)) return approval;
    throw alreadyFinished(approval.outcome);
  }
  if (approval.claim === undefined) throw notClaimed(approval, now);
  const status = made.error === undefined ? "completed" : "failed";
  return { ...approval, status, outcome: { ...made, at: now } };
}

/** Marks the approval if it has expired. */
export function expire(approval: StoredApproval, now: number): StoredApproval {
  const status = statusAt(approval, now);
  return status === approval.status ? approval : { ...approval, status };
}

/** The parts of a request by which two requests are compared. The digest stands for the arguments, which may be large. */
export interface RequestFingerprint extends Pick<StoredApproval, "requestedAt" | "digest"> {
  readonly request: Omit<StoredRequest, "arguments">;
}

/** Copies the fingerprint of an approval's request. */
export function copyFingerprint({ requestedAt, digest, request }: RequestFingerprint): RequestFingerprint {
  return { requestedAt, digest, request: structuredClone(withoutArguments(request)) };
}

/** Whether both are the same request, and not a later one under the same id. */
export function isSameRequest(a: RequestFingerprint, b: RequestFingerprint): boolean {
  return a.requestedAt === b.requestedAt && isSameContent(a, b);
}

/** Whether both requests have the same content, at any time. */
export function isSameContent(
  a: Omit<RequestFingerprint, "requestedAt">,
  b: Omit<RequestFingerprint, "requestedAt">,
): boolean {
  return a.digest === b.digest && isSameJson(withoutArguments(a.request), withoutArguments(b.request));
}

function withoutArguments(request: RequestFingerprint["request"]): RequestFingerprint["request"] {
  const { arguments: _, ...rest } = request as StoredRequest;
  return rest;
}

/** Whether the call is a repetition: it has the same token and content. */
function isRepeat<T extends { readonly at: number; readonly token?: string }>(
  { at: _, ...before }: T,
  made: Omit<T, "at">,
): boolean {
  return made.token !== undefined && isSameJson(before, made);
}

function alreadyDecided(decision: StoredDecision): StateError<"ALREADY_DECIDED"> {
  const winner = withDate(decision);
  return new StateError("ALREADY_DECIDED", `the request was ${winner.status} before`, {
    details: { winner },
  });
}

function expired({ expiresAt }: StoredApproval): StateError<"EXPIRED"> {
  return new StateError("EXPIRED", "the approval has expired", {
    details: { expiresAt: new Date(expiresAt) },
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

function alreadyClaimed(before: StoredClaim): StateError<"ALREADY_CLAIMED"> {
  return new StateError("ALREADY_CLAIMED", "the call was claimed before", { details: withDate(before) });
}

function notClaimed(approval: StoredApproval, now: number): StateError<"NOT_CLAIMED"> {
  const status = statusAt(approval, now);
  return new StateError("NOT_CLAIMED", `nobody claimed the call; it is ${status}`, { details: { status } });
}

function alreadyFinished(before: StoredOutcome): StateError<"ALREADY_FINISHED"> {
  const outcome = withDate(before);
  return new StateError("ALREADY_FINISHED", "the outcome of the call was reported before", {
    details: { outcome },
  });
}
