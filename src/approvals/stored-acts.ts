import { invalid } from "../contract/errors.js";
import { type Act, type Extension, readStoredAct } from "../lifecycle/acts.js";
import { acceptParsed } from "../lifecycle/parsed-json.js";
import { type StoredAct, withDate } from "../lifecycle/repeat.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readLongText, readTime, readTtl } from "../validation/fields.js";
import { readObject, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import type { Assignment, Claim, Decision, Edit, Outcome, Vote } from "./approval.js";

/** What a repeated decision must have too: the `ttlMs` of the call, and the digest of the arguments that came with it. */
interface Repeated {
  readonly ttlMs?: number;
  readonly digest?: string;
}

export type StoredDecision = StoredAct<Decision> & Repeated;
export type StoredVote = StoredAct<Vote> & Repeated;
export type StoredRevocation = StoredAct<Act>;
export type StoredAssignment = StoredAct<Assignment>;
export type StoredExtension = StoredAct<Extension>;
export type StoredClaim = StoredAct<Claim>;
export type StoredOutcome = StoredAct<Outcome>;

/** The arguments have a record of their own, so a state that was read alone lacks them. */
export interface StoredEdit extends Omit<Edit, "at" | "arguments"> {
  readonly arguments?: JsonValue;
  readonly at: number;
}

/** The decision as a caller sees it. */
export function decisionOf({ ttlMs: _, digest: __, ...decision }: StoredDecision): Decision {
  return withDate(decision);
}

/** The vote as a caller sees it. */
export function voteOf({ ttlMs: _, digest: __, ...vote }: StoredVote): Vote {
  return withDate(vote);
}

/** The digest is not calculated again: the store's own fingerprint detects damage. */
export function readDigest(value: unknown, field = "digest"): string {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return value;
  throw invalid(field, "a SHA-256 in hexadecimal");
}

export function readDecision(value: unknown, field: string): StoredDecision {
  const { status } = readObject(value, field) as Partial<StoredDecision>;
  return {
    status: readOneOf(status, "status", ["approved", "denied", "cancelled"]),
    ...readVote(value, field),
  };
}

export function readVotes(value: unknown, field: string): readonly StoredVote[] {
  if (!Array.isArray(value)) throw invalid(field, "a list");
  return value.map((vote) => readVote(vote, field));
}

function readVote(value: unknown, field: string): StoredVote {
  const given = readObject(value, field) as Partial<StoredVote>;
  return {
    ...readStoredAct(value, field),
    ...optional(given, "group", readKind),
    ...optional(given, "ttlMs", readTtl),
    ...optional(given, "digest", readDigest),
  };
}

export function readEdit(value: unknown, field: string): StoredEdit {
  const given = readObject(value, field) as Partial<StoredEdit>;
  return {
    digest: readDigest(given.digest),
    by: readKind(given.by, "by"),
    at: readTime(given.at, "at"),
  };
}

export function readAssignment(value: unknown, field: string): StoredAssignment {
  const { assignee } = readObject(value, field) as Partial<StoredAssignment>;
  return { ...readStoredAct(value, field), assignee: readAssignee(assignee) };
}

/** `null` for nobody in particular: left out by mistake, it must not take the approval from somebody. */
export function readAssignee(value: unknown): string | null {
  return value === null ? null : readKind(value, "assignee");
}

export function readStoredClaim(value: unknown, field: string): StoredClaim {
  const given = readObject(value, field) as Partial<StoredClaim>;
  return {
    ...optional(given, "by", readKind),
    ...optional(given, "token", readEventId),
    at: readTime(given.at, "at"),
  };
}

export function readOutcome(value: unknown, field: string): StoredOutcome {
  const given = readObject(value, field) as Partial<StoredOutcome>;
  return {
    ...readStoredClaim(value, field),
    ...optional(given, "result", acceptParsed),
    ...optional(given, "error", readLongText),
  };
}
