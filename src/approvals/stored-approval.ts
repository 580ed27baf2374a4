import { readStoredAct, readStoredExtension } from "../lifecycle/acts.js";
import { bareOutcome } from "../lifecycle/bare-outcome.js";
import { acceptParsed } from "../lifecycle/parsed-json.js";
import { withDate } from "../lifecycle/repeat.js";
import type { ContentRecord, LifecycleKey, LifecycleState, Whole } from "../lifecycle/stored.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readTime } from "../validation/fields.js";
import { readBoolean, readObject, readOneOf } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import { type Approval, type ApprovalStatus, type Decision, type Edit, STATUSES } from "./approval.js";
import { readContent, type StoredRequest } from "./request.js";
import {
  decisionOf,
  readAssignment,
  readDecision,
  readDigest,
  readEdit,
  readOutcome,
  readStoredClaim,
  readVotes,
  type StoredAssignment,
  type StoredClaim,
  type StoredDecision,
  type StoredEdit,
  type StoredExtension,
  type StoredOutcome,
  type StoredRevocation,
  type StoredVote,
  voteOf,
} from "./stored-acts.js";

/** The part of an approval that changes. */
export interface StoredState extends LifecycleState<ApprovalStatus> {
  readonly digest: string;
  readonly expiresAt: number;
  /** Which requests join it while it is pending. */
  readonly join?: string;
  /** The audit list has an entry of its decision. */
  readonly audited?: boolean;
  readonly assignment?: StoredAssignment;
  readonly extension?: StoredExtension;
  readonly edited?: StoredEdit;
  /** Of a request that several people approve. All of them are for the same arguments. */
  readonly votes?: readonly StoredVote[];
  readonly decision?: StoredDecision;
  readonly revocation?: StoredRevocation;
  readonly claim?: StoredClaim;
  readonly outcome?: StoredOutcome;
  /** Records of older versions contain the request; since then it has its own. */
  readonly request?: StoredRequest;
}

/** Version 2 knows edits and votes: what knows none of them must not decide or claim. */
export const STATE_CODEC = mappedJson<StoredState>({
  version: 2,
  write: writeState,
  mayBeLarge: ({ outcome }) => outcome?.result !== undefined,
  read: readState,
});

/** The JSON of a state. The arguments of an edit have a record of their own. */
export function writeState({ status, digest, createdAt, edited, ...rest }: StoredState): JsonValue {
  return {
    status,
    digest,
    requestedAt: createdAt,
    ...(edited && { edited: { ...edited, arguments: undefined } }),
    ...rest,
  } as unknown as JsonValue;
}

/** Refuses a status that does not fit the decision, claim and outcome. */
export function readState(value: unknown): StoredState {
  const given = readObject(value, "approval") as Partial<StoredState> & { readonly requestedAt?: unknown };
  const approval = {
    status: readOneOf(given.status, "status", STATUSES),
    ...optional(given, "request", readStoredRequest),
    ...optional(given, "join", readKind),
    ...optional(given, "audited", readBoolean),
    digest: readDigest(given.digest),
    createdAt: readTime(given.requestedAt, "requestedAt"),
    expiresAt: readTime(given.expiresAt, "expiresAt"),
    ...optional(given, "assignment", readAssignment),
    ...optional(given, "extension", readStoredExtension),
    ...optional(given, "edited", readEdit),
    ...optional(given, "votes", readVotes),
    ...optional(given, "decision", readDecision),
    ...optional(given, "revocation", readStoredAct),
    ...optional(given, "claim", readStoredClaim),
    ...optional(given, "outcome", readOutcome),
    ...optional(given, "payloadRemovedAt", readTime),
  };
  refuseContradiction(approval);
  return approval;
}

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

/** When an approval ended: its call, or the last that somebody did to it. One that was left alone ended when it expired. */
export function endOf({ outcome, revocation, status, decision, expiresAt }: StoredState): number {
  return outcome?.at ?? revocation?.at ?? (status === "expired" ? undefined : decision?.at) ?? expiresAt;
}

/**
 * An approval that has ended without its arguments, its question and sender, its result and the text of its error. The digests
 * stay.
 */
export function withoutPayload({
  state,
  content: { sender: _, question: __, ...content },
}: Whole<StoredState, StoredRequest>): Whole<StoredState, StoredRequest> {
  const { edited, outcome } = state;
  const bare = {
    ...state,
    ...(edited && { edited: { ...edited, arguments: null } }),
    ...(outcome && { outcome: bareOutcome(outcome) }),
  };
  return { state: bare, content: { ...content, arguments: null } };
}

/** Takes the request out of a state of an older version. */
export function takeRequestOut(state: StoredState): Whole<StoredState, StoredRequest> | undefined {
  if (state.request === undefined) return undefined;
  const { request, ...rest } = state;
  return { state: rest, content: request };
}

function readStoredRequest(value: unknown, field: string): StoredRequest {
  return readContent(readObject(value, field), acceptParsed);
}

const DECISIONS: Readonly<Record<ApprovalStatus, readonly (Decision["status"] | undefined)[]>> = {
  pending: [undefined],
  approved: ["approved"],
  denied: ["denied"],
  cancelled: ["cancelled"],
  revoked: ["approved"],
  expired: [undefined, "approved"],
  claimed: ["approved"],
  completed: ["approved"],
  failed: ["approved"],
};

function refuseContradiction({ status, decision, revocation, claim, outcome }: StoredState): void {
  const finished = status === "completed" || status === "failed";
  const claimed = finished || status === "claimed";
  const agrees =
    DECISIONS[status].includes(decision?.status) &&
    (revocation !== undefined) === (status === "revoked") &&
    (claim !== undefined) === claimed &&
    (outcome !== undefined) === finished &&
    (outcome?.error !== undefined) === (status === "failed");
  if (!agrees) throw new Error("the status is not what the rest leads to");
}

/** Who should decide now. */
export function assigneeOf({ assignment }: StoredState, { assignee }: StoredRequest): string | undefined {
  return assignment === undefined ? assignee : (assignment.assignee ?? undefined);
}

/** The approval as a caller sees it at a time. It shares objects with what is stored. */
export function approvalOf(
  { identity, id }: LifecycleKey,
  { state, content }: Whole<StoredState, StoredRequest>,
  status: ApprovalStatus,
): Approval {
  const { digest, createdAt, expiresAt, assignment, extension, edited, votes } = state;
  const { decision, revocation, claim, outcome, payloadRemovedAt } = state;
  const { ttlMs: _, assignee: __, ...asked } = content;
  const assignee = assigneeOf(state, content);
  return {
    id,
    identity,
    status,
    ...asked,
    ...(assignee === undefined ? {} : { assignee }),
    digest,
    requestedAt: new Date(createdAt),
    expiresAt: new Date(expiresAt),
    ...(assignment && { assignment: withDate(assignment) }),
    ...(extension && { extension: withDate(extension) }),
    ...(edited && { edited: { ...edited, at: new Date(edited.at) } as Edit }),
    ...(votes && { votes: votes.map(voteOf) }),
    ...(decision && { decision: decisionOf(decision) }),
    ...(revocation && { revocation: withDate(revocation) }),
    ...(claim && { claim: withDate(claim) }),
    ...(outcome && { outcome: withDate(outcome) }),
    ...(payloadRemovedAt !== undefined && { payloadRemovedAt: new Date(payloadRemovedAt) }),
  };
}
