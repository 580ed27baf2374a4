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
   * When it was last created, touched, appended to, changed, closed or reopened. Goes back only from a time that
   * is more than five minutes ahead, where a clock was wrong.
   */
  readonly updatedAt: Date;
  /** Of a closed one. */
  readonly closedAt?: Date;
  /** What the caller keeps of it. */
  readonly metadata: M;
}

/** `open` sessions take events and state, `closed` ones do not. */
export type SessionStatus = "open" | "closed";

export function statusOf({ closedAt }: SessionRecord): SessionStatus {
  return closedAt === undefined ? "open" : "closed";
}

/** A session as callers see it. CORRUPT, naming the place it was read from. */
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
