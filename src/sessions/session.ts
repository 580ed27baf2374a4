import type { RecordKey, SessionIdentity } from "../contract/store.js";
import type { Activity, SessionStatus } from "./activity.js";
import type { MetadataCodec } from "./metadata.js";
import type { ForkOrigin } from "./session-record.js";
import type { StoredSession } from "./session-records.js";

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
  /** When the last event was appended; absent before the first. What else touches the session does not change it. */
  readonly lastEventAt?: Date;
  /** When it was closed; present if it is closed. */
  readonly closedAt?: Date;
  /** When it was pinned; present if it is pinned. */
  readonly pinnedAt?: Date;
  /** Where its first events come from; present if it is a fork. */
  readonly forkedFrom?: ForkOrigin;
  /** The caller's own metadata. */
  readonly metadata: M;
}

function statusOf({ closedAt }: Activity): SessionStatus {
  return closedAt === undefined ? "open" : "closed";
}

/** A session as callers see it. CORRUPT, naming the slot of the record. */
export async function sessionOf<M>(
  codec: Pick<MetadataCodec<M, never>, "read">,
  identity: SessionIdentity,
  { record, activity }: StoredSession,
  slot: RecordKey,
): Promise<Session<M>> {
  const { createdAt, updatedAt, lastEventAt, closedAt, pinnedAt } = activity;
  return {
    identity,
    status: statusOf(activity),
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
    ...(lastEventAt !== undefined && { lastEventAt: new Date(lastEventAt) }),
    ...(closedAt !== undefined && { closedAt: new Date(closedAt) }),
    ...(pinnedAt !== undefined && { pinnedAt: new Date(pinnedAt) }),
    ...(record.forkedFrom && { forkedFrom: record.forkedFrom }),
    metadata: await codec.read(record.metadata, slot),
  };
}
