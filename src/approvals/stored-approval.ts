import { invalid } from "../contract/errors.js";
import { acceptParsed } from "../lifecycle/parsed-json.js";
import { type StoredAct, withDate } from "../lifecycle/repeat.js";
import type { ContentRecord, LifecycleKey, LifecycleState, Whole } from "../lifecycle/stored.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readLongText, readTime, readTtl } from "../validation/fields.js";
import { readObject, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import {
  type Approval,
  type ApprovalStatus,
  type Claim,
  type Decision,
  type Outcome,
  STATUSES,
} from "./approval.js";
import { readContent, type StoredRequest } from "./request.js";

/** Includes the `ttlMs` of the call, because a repeated decision must have the same. */
export type StoredDecision = StoredAct<Decision> & { readonly ttlMs?: number };
export type StoredClaim = StoredAct<Claim>;
export type StoredOutcome = StoredAct<Outcome>;

/** The part of an approval that changes. */
export interface StoredState extends LifecycleState<ApprovalStatus> {
  readonly digest: string;
  readonly expiresAt: number;
  readonly decision?: StoredDecision;
  readonly claim?: StoredClaim;
  readonly outcome?: StoredOutcome;
  /** Records of older versions contain the request; since then it has its own. */
  readonly request?: StoredRequest;
}

/** Decoding refuses a status that does not fit the decision, claim and outcome. */
export const STATE_CODEC = mappedJson<StoredState>({
  version: 1,
  write: ({ status, digest, createdAt, ...rest }) =>
    ({ status, digest, requestedAt: createdAt, ...rest }) as unknown as JsonValue,
  mayBeLarge: ({ outcome }) => outcome?.result !== undefined,
  read(value) {
    const given = readObject(value, "approval") as Partial<StoredState> & { readonly requestedAt?: unknown };
    const approval = {
      status: readOneOf(given.status, "status", STATUSES),
      ...optional(given, "request", readStoredRequest),
      digest: readDigest(given.digest),
      createdAt: readTime(given.requestedAt, "requestedAt"),
      expiresAt: readTime(given.expiresAt, "expiresAt"),
      ...optional(given, "decision", readDecision),
      ...optional(given, "claim", readStoredClaim),
      ...optional(given, "outcome", readOutcome),
    };
    refuseContradiction(approval);
    return approval;
  },
});

export const REQUEST_CODEC = mappedJson<ContentRecord<StoredRequest>>({
  write: ({ createdAt, content }) => ({ requestedAt: createdAt, request: content }) as unknown as JsonValue,
  mayBeLarge: () => true,
  read(value) {
    const { requestedAt, request } = readObject(value, "request") as Record<string, unknown>;
    return {
      createdAt: readTime(requestedAt, "requestedAt"),
      content: readStoredRequest(request, "request"),
    };
  },
});

/** Takes the request out of a state of an older version. */
export function takeRequestOut(state: StoredState): Whole<StoredState, StoredRequest> | undefined {
  if (state.request === undefined) return undefined;
  const { request, ...rest } = state;
  return { state: rest, content: request };
}

/** The digest is not calculated again: the store's own fingerprint detects damage. */
function readDigest(value: unknown): string {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return value;
  throw invalid("digest", "a SHA-256 in hexadecimal");
}

function readStoredRequest(value: unknown, field: string): StoredRequest {
  return readContent(readObject(value, field), acceptParsed);
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

/** The approval as a caller sees it at a time. It shares objects with what is stored. */
export function approvalOf(
  { identity, id }: LifecycleKey,
  { state, content }: Whole<StoredState, StoredRequest>,
  status: ApprovalStatus,
): Approval {
  const { digest, createdAt, expiresAt, decision, claim, outcome } = state;
  const { ttlMs: _, ...asked } = content;
  return {
    id,
    identity,
    status,
    ...asked,
    digest,
    requestedAt: new Date(createdAt),
    expiresAt: new Date(expiresAt),
    ...(decision && { decision: decisionOf(decision) }),
    ...(claim && { claim: withDate(claim) }),
    ...(outcome && { outcome: withDate(outcome) }),
  };
}

/** The decision without its `ttlMs`, which only serves to recognise a repeated call. */
export function decisionOf({ ttlMs: _, ...decision }: StoredDecision): Decision {
  return withDate(decision);
}
