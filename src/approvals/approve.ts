import { isRepeat } from "../lifecycle/repeat.js";
import type { Moment } from "../lifecycle/stored.js";
import type { JsonValue } from "../typed/json-value.js";
import { alreadyVoted, digestMismatch, forbidden } from "./errors.js";
import type { StoredRequest } from "./request.js";
import type { StoredDecision, StoredVote } from "./stored-acts.js";
import type { StoredState } from "./stored-approval.js";
import { refuseUnlessPending } from "./transitions.js";

/** An approval by somebody, with the arguments that they put in place of those that were asked for. */
export interface NewApprove {
  /** `digest` is that of the new arguments. */
  readonly made: Omit<StoredDecision, "at">;
  readonly edit?: JsonValue;
}

/**
 * Approves, or adds to the approvals of several people. The first edit begins anew: who approved before has to agree to it,
 * too. ALREADY_DECIDED, EXPIRED, FORBIDDEN for a group that the request does not name, DIGEST_MISMATCH, ALREADY_VOTED.
 */
export function approve(
  approval: StoredState,
  { made, edit }: NewApprove,
  { now, status, content }: Moment<StoredState, StoredRequest>,
): StoredState {
  if (isRepeatedApprove(approval, made)) return approval;
  refuseUnlessPending(approval, status);
  refuseOtherGroups(content, made.group);
  const before = approval.edited;
  // Whoever approves sees either what was asked for or the edit, and must not have meant the other.
  if (before !== undefined && made.digest !== before.digest) throw digestMismatch();
  const isEdit = before === undefined && made.digest !== undefined;
  const { by, digest } = made;
  const edited = isEdit ? { arguments: edit as JsonValue, digest: digest as string, by, at: now } : before;
  const votes = isEdit ? [] : (approval.votes ?? []);
  refuseSecondVote(votes, made);
  const all = [...votes, { ...made, at: now }].map(voteOf);
  const { approvals = 1 } = content;
  const changed = {
    ...approval,
    ...(edited && { edited }),
    ...(approvals > 1 ? { votes: all } : {}),
  };
  if (all.length < approvals) return changed;
  const ttls = all.flatMap(({ ttlMs }) => ttlMs ?? []);
  return {
    ...changed,
    status: "approved",
    decision: { ...made, at: now },
    // Nobody's approval lasts longer than they said.
    ...(ttls.length === 0 ? {} : { expiresAt: now + Math.min(...ttls) }),
  };
}

function isRepeatedApprove({ decision, votes = [] }: StoredState, made: NewApprove["made"]): boolean {
  const before = votes.map((vote): StoredDecision => ({ ...vote, status: "approved" }));
  return [...before, ...(decision === undefined ? [] : [decision])].some((act) => isRepeat(act, made));
}

/** FORBIDDEN */
function refuseOtherGroups({ groups }: StoredRequest, group: string | undefined): void {
  const fits = groups === undefined ? group === undefined : group !== undefined && groups.includes(group);
  if (!fits) throw forbidden("groups");
}

/** One person, and one group, gives one approval. ALREADY_VOTED. */
function refuseSecondVote(votes: readonly StoredVote[], { by, group }: NewApprove["made"]): void {
  const before = votes.find((vote) => vote.by === by || (group !== undefined && vote.group === group));
  if (before !== undefined) throw alreadyVoted(before);
}

function voteOf({ status: _, ...vote }: StoredVote & { readonly status?: unknown }): StoredVote {
  return vote;
}
