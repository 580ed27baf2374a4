import type { EventId, Identity, SessionIdentity } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { newEventId } from "../process/event-id.js";
import { type Cell, cellAt, copySession, corruptRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { type InputReader, PLAIN_READER } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf, itemKind, readScopedId, scopedEventId } from "../typed/names.js";
import { optional, readTtl } from "../validation/fields.js";
import { readNamed, readObject } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";

/** Whom a grant is for: a session, or a user in all sessions. */
export type GrantScope = SessionIdentity | Pick<SessionIdentity, "tenant" | "user">;

/** Which calls a grant is about. */
export interface GrantRule {
  /** The tool, to the letter: 1 to 512 UTF-8 bytes. */
  readonly tool: string;
  /** Only under the policy of this name. Default: under each. */
  readonly policy?: string;
}

/** "Always allow this tool", to remember. */
export interface NewGrant extends GrantRule {
  /** Who says so: 1 to 512 UTF-8 bytes. */
  readonly by: string;
  /** Up to 16 KiB. */
  readonly reason?: string;
  /** For how long, in milliseconds: 1 to ten years. Default: until it is revoked. */
  readonly ttlMs?: number;
  /** Makes the call happen once: 1 to 105 UTF-8 bytes. */
  readonly id?: string;
}

/** What is remembered. */
export interface Grant extends GrantRule {
  /** For a session, or for a user in all sessions. */
  readonly for: "session" | "user";
  /** Who said so. */
  readonly by: string;
  /** Why. */
  readonly reason?: string;
  /** Since when. */
  readonly at: Date;
  /** Until when. */
  readonly expiresAt?: Date;
}

/** A grant as it is stored. Its time is that of its record, so the same call makes the same record at any time. */
export interface StoredGrant extends GrantRule {
  readonly by: string;
  readonly reason?: string;
  readonly ttlMs?: number;
}

/** A grant to write. */
export interface GrantInput {
  readonly cell: Cell<StoredGrant>;
  readonly value: StoredGrant;
  readonly eventId: EventId;
  readonly repeatable: boolean;
}

export const GRANTS = "policy.grant";

export const GRANT_CODEC = mappedJson<StoredGrant>({
  write: (grant) => grant as unknown as JsonValue,
  read: (value) => readGrant(readObject(value, "grant")),
});

/** The session's own identity, or the one of the user's own state. */
export function ownerOf(scope: GrantScope): Identity {
  if (typeof scope === "object" && scope !== null && "session" in scope) return copySession(scope);
  const { tenant, user } = readNamed(scope, "identity", ["tenant", "user"]) as Identity;
  return userIdentity(tenant, user);
}

/** One grant for each tool and policy, so that a call is judged by a few reads. */
export function grantCell(owner: Identity, { tool, policy = "" }: GrantRule): Cell<StoredGrant> {
  return cellAt(owner, itemKind(GRANTS, digestOf(tool, policy)), GRANT_CODEC);
}

/** Reads what `remember` is given. INVALID_RECORD. */
export function readNewGrant(scope: GrantScope, grant: unknown, inputs: InputReader): GrantInput {
  const owner = ownerOf(scope);
  const given = readNamed(grant, "grant", ["tool", "policy", "by", "reason", "ttlMs", "id"]) as NewGrant;
  const { id, ...rest } = given;
  const value = readGrant(rest, inputs);
  const cell = grantCell(owner, value);
  const repeatable = "id" in given;
  const purpose = digestOf(GRANTS, owner.user, owner.session);
  const own = repeatable ? scopedEventId(purpose, readScopedId(id, "id")) : newEventId();
  return { cell, value, eventId: own, repeatable };
}

/** Reads which grant is meant. */
export function readRule(rule: unknown): GrantRule {
  const given = readNamed(rule, "rule", ["tool", "policy"]) as GrantRule;
  return { tool: readKind(given.tool, "tool"), ...optional(given, "policy", readKind) };
}

/** The grant at a time; `undefined` once it has expired. CORRUPT if it is another's. */
export function grantAt(
  cell: Pick<Cell<unknown>, "identity" | "kind">,
  { ttlMs, ...grant }: StoredGrant,
  updatedAt: Date,
  now: number,
): Grant | undefined {
  if (cell.kind !== grantCell(cell.identity, grant).kind)
    throw corruptRecord(cell, "a grant is that of another tool");
  const isSession = !cell.identity.session.startsWith("~");
  const expiresAt = ttlMs === undefined ? undefined : new Date(updatedAt.getTime() + ttlMs);
  if (expiresAt !== undefined && expiresAt.getTime() <= now) return undefined;
  return { ...grant, for: isSession ? "session" : "user", at: updatedAt, ...(expiresAt && { expiresAt }) };
}

function readGrant(given: object, inputs: InputReader = PLAIN_READER): StoredGrant {
  const { tool, by } = given as Partial<NewGrant>;
  return {
    tool: readKind(tool, "tool"),
    ...optional(given as { policy?: unknown }, "policy", readKind),
    by: readKind(by, "by"),
    ...optional(given as { reason?: unknown }, "reason", inputs.longText),
    ...optional(given as { ttlMs?: unknown }, "ttlMs", readTtl),
  };
}
