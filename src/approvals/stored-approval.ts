import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { SessionIdentity } from "../contract/store.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { readInteger, readObject, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import {
  type Approval,
  type ApprovalStatus,
  type Claim,
  type Decision,
  type Outcome,
  STATUSES,
} from "./approval.js";
import { acceptParsed, optional, readContent, readLongText, readTtl, type StoredRequest } from "./request.js";

/** The key of an approval. */
export interface ApprovalKey {
  readonly identity: SessionIdentity;
  readonly id: string;
}

/** The stored form of a decision, claim or outcome, with the token by which a repeated call is recognised. */
type Stored<T extends { readonly at: Date }> = Omit<T, "at"> & {
  readonly at: number;
  readonly token?: string;
};
/** Includes the `ttlMs` of the call, because a repeated decision must have the same. */
export type StoredDecision = Stored<Decision> & { readonly ttlMs?: number };
export type StoredClaim = Stored<Claim>;
export type StoredOutcome = Stored<Outcome>;

/** An approval as it is stored. Times are in milliseconds since 1970. `status` is the one that was last written. */
export interface StoredApproval {
  readonly status: ApprovalStatus;
  readonly request: StoredRequest;
  readonly digest: string;
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly decision?: StoredDecision;
  readonly claim?: StoredClaim;
  readonly outcome?: StoredOutcome;
}

/** An approval without its request, which has its own record. Records of older versions contain it. */
export type StoredState = Omit<StoredApproval, "request"> & { readonly request?: StoredRequest };

/** The record of a request. `requestedAt` shows to which approval it belongs. */
export interface RequestRecord {
  readonly requestedAt: number;
  readonly request: StoredRequest;
}

/** Decoding refuses a status that does not fit the decision, claim and outcome. */
export const STATE_CODEC = mappedJson<StoredState>({
  version: 1,
  write: (approval) => approval as unknown as JsonValue,
  mayBeLarge: ({ request, outcome }) => request !== undefined || outcome?.result !== undefined,
  read(value) {
    const given = readObject(value, "approval") as Partial<StoredState>;
    const approval = {
      status: readOneOf(given.status, "status", STATUSES),
      ...optional(given, "request", readStoredRequest),
      digest: readDigest(given.digest),
      requestedAt: readTime(given.requestedAt, "requestedAt"),
      expiresAt: readTime(given.expiresAt, "expiresAt"),
      ...optional(given, "decision", readDecision),
      ...optional(given, "claim", readStoredClaim),
      ...optional(given, "outcome", readOutcome),
    };
    refuseContradiction(approval);
    return approval;
  },
});

export const REQUEST_CODEC = mappedJson<RequestRecord>({
  write: (asked) => asked as unknown as JsonValue,
  mayBeLarge: () => true,
  read(value) {
    const { requestedAt, request } = readObject(value, "request") as Partial<RequestRecord>;
    return {
      requestedAt: readTime(requestedAt, "requestedAt"),
      request: readStoredRequest(request, "request"),
    };
  },
});

/** The digest is not calculated again: the store's own fingerprint detects damage. */
function readDigest(value: unknown): string {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return value;
  throw invalid("digest", "a SHA-256 in hexadecimal");
}

function readStoredRequest(value: unknown, field: string): StoredRequest {
  return readContent(readObject(value, field), acceptParsed);
}

/** A time in milliseconds since 1970. */
export function readTime(value: unknown, field: string): number {
  return readInteger(value, field, LIMITS.earliest, LIMITS.latest);
}

function readDecision(value: unknown, field: string): StoredDecision {
  const given = readObject(value, field) as Partial<StoredDecision>;
  return {
    status: readOneOf(given.status, "status", ["approved", "denied", "cancelled"]),
    by: readKind(given.by, "by"),
    ...optional(given, "reason", readLongText),
    ...optional(given, "token", readEventId),
    ...optional(given, "ttlMs", readTtl),
    at: readTime(given.at, "at"),
  };
}

function readStoredClaim(value: unknown, field: string): StoredClaim {
  const given = readObject(value, field) as Partial<StoredClaim>;
  return {
    ...optional(given, "by", readKind),
    ...optional(given, "token", readEventId),
    at: readTime(given.at, "at"),
  };
}

function readOutcome(value: unknown, field: string): StoredOutcome {
  const given = readObject(value, field) as Partial<StoredOutcome>;
  return {
    ...readStoredClaim(value, field),
    ...optional(given, "result", acceptParsed),
    ...optional(given, "error", readLongText),
  };
}

const DECISIONS: Readonly<Record<ApprovalStatus, readonly (Decision["status"] | undefined)[]>> = {
  pending: [undefined],
  approved: ["approved"],
  denied: ["denied"],
  cancelled: ["cancelled"],
  expired: [undefined, "approved"],
  claimed: ["approved"],
  completed: ["approved"],
  failed: ["approved"],
};

function refuseContradiction({ status, decision, claim, outcome }: StoredState): void {
  const finished = status === "completed" || status === "failed";
  const claimed = finished || status === "claimed";
  const agrees =
    DECISIONS[status].includes(decision?.status) &&
    (claim !== undefined) === claimed &&
    (outcome !== undefined) === finished &&
    (outcome?.error !== undefined) === (status === "failed");
  if (!agrees) throw new Error("the status is not what the rest leads to");
}

/** The approval as a caller sees it at a time. It shares objects with `stored`: copy that if several callers get it. */
export function approvalOf({ identity, id }: ApprovalKey, stored: StoredApproval, now: number): Approval {
  const { request, digest, requestedAt, expiresAt, decision, claim, outcome } = stored;
  const { ttlMs: _, ...asked } = request;
  return {
    id,
    identity,
    status: statusAt(stored, now),
    ...asked,
    digest,
    requestedAt: new Date(requestedAt),
    expiresAt: new Date(expiresAt),
    ...(decision && { decision: withDate(decision) }),
    ...(claim && { claim: withDate(claim) }),
    ...(outcome && { outcome: withDate(outcome) }),
  };
}

/** The status at a time: `expired` also for an approval that nobody has marked yet. */
export function statusAt(
  { status, expiresAt }: Pick<StoredApproval, "status" | "expiresAt">,
  now: number,
): ApprovalStatus {
  const open = status === "pending" || status === "approved";
  return open && now >= expiresAt ? "expired" : status;
}

/** Removes `token` and `ttlMs`, which only serve to recognise a repeated call. The token is its caller's secret. */
export function withDate<
  T extends { readonly at: number; readonly token?: string; readonly ttlMs?: number },
>({ at, token: _, ttlMs: __, ...rest }: T) {
  return { ...rest, at: new Date(at) };
}
