import type { RecordKey, SessionIdentity } from "../contract/store.js";
import type { MetadataCodec } from "./metadata.js";
import type { SessionRecord } from "./session-record.js";

/** A session of a user, without its events. */
export interface Session<M> {
  /** Tenant, user and session: what the other methods take. */
  readonly identity: SessionIdentity;
  /** Whether it takes events and state. */
  readonly status: SessionStatus;
  /** When it was created. */
  readonly createdAt: Date;
  /**
   * When the session was created, touched, appended to, changed, closed or reopened last. Goes back only if it was more
   * than five minutes ahead of the clock, because a clock was wrong.
   */
  readonly updatedAt: Date;
  /** When it was closed; present if it is closed. */
  readonly closedAt?: Date;
  /** The caller's own metadata. */
  readonly metadata: M;
}

/** `open` sessions take events and state, `closed` ones do not. */
export type SessionStatus = "open" | "closed";

export function statusOf({ closedAt }: SessionRecord): SessionStatus {
  return closedAt === undefined ? "open" : "closed";
}

/** A session as callers see it. CORRUPT, naming the slot of the record. */
export async function sessionOf<M>(
  codec: Pick<MetadataCodec<M, never>, "read">,
  identity: SessionIdentity,
  record: SessionRecord,
  slot: RecordKey,
): Promise<Session<M>> {
  const { createdAt, updatedAt, closedAt, metadata } = record;
  return {
    identity,
    status: statusOf(record),
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
    ...(closedAt !== undefined && { closedAt: new Date(closedAt) }),
    metadata: await codec.read(metadata, slot),
  };
}
