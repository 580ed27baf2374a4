import { LIMITS } from "../contract/limits.js";
import type { EventId, SessionIdentity } from "../contract/store.js";
import { type Cell, cellAt } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf, scopedEventId } from "../typed/names.js";
import { optional, readTime } from "../validation/fields.js";
import { readInteger, readNamed, readObject } from "../validation/validate.js";
import { readName, readText } from "../validation/validate-text.js";

/** What an event does not change of a session. Times in milliseconds since 1970. */
export interface SessionRecord {
  readonly createdAt: number;
  readonly metadata: StoredMetadata;
  /** Present if the session was created with an event id. */
  readonly creation?: Creation;
  /** Present if the session is a fork. */
  readonly forkedFrom?: ForkOrigin;
  /** Present if a fork or an import filled the session: a digest of what with. */
  readonly filledWith?: string;
  /** Present if a version before 0.5 wrote it: what is in the session's head since. */
  readonly old?: OldActivity;
}

/** What the records of versions before 0.5 held beside. */
export interface OldActivity {
  readonly updatedAt: number;
  readonly closedAt?: number;
}

/** The JSON that the metadata's codec wrote, and the codec's version. */
export interface StoredMetadata {
  readonly value: JsonValue;
  readonly version: number;
}

/** Where the events of a fork come from. */
export interface ForkOrigin {
  /** The name of the session that was forked. */
  readonly session: string;
  /** The number of its last event that came along; 0 if there was none. */
  readonly upTo: number;
}

/** The call that created a session. */
export interface Creation {
  readonly eventId: EventId;
  /** The digest of the metadata, or of what a fork or an import filled it with. */
  readonly content: string;
}

/** Version 0 had the times of the activity too; one that is written again leaves them to the head. */
export const SESSION_RECORD = mappedJson<SessionRecord>({
  version: 1,
  write: ({ createdAt, creation, metadata, forkedFrom, filledWith }) => ({
    createdAt,
    metadata: metadata.value,
    ...(metadata.version > 0 && { metadataVersion: metadata.version }),
    ...(creation && { creation: { ...creation } }),
    ...(forkedFrom && { forkedFrom: { ...forkedFrom } }),
    ...(filledWith !== undefined && { filledWith }),
  }),
  read(value) {
    const given = readObject(value, "session") as StoredForm;
    return {
      createdAt: readTime(given.createdAt, "createdAt"),
      metadata: readMetadata(given),
      ...("creation" in given && { creation: readCreation(given.creation) }),
      ...optional(given, "forkedFrom", readForkOrigin),
      ...optional(given, "filledWith", (digest, field) => readText(digest, field, LIMITS.eventIdBytes)),
      ...("updatedAt" in given && { old: readOldActivity(given) }),
    };
  },
});

/** The cell of a session's record. */
export function sessionCell(owner: SessionIdentity): Cell<SessionRecord> {
  return cellAt(owner, "session", SESSION_RECORD);
}

/** The store keeps this event id after the session was deleted, so that a late retry does not create it again. */
export function creationEventId({ user, session }: SessionIdentity, { eventId }: Creation): EventId {
  return scopedEventId(digestOf("session", user, session), eventId);
}

/** The stored form: a metadata version of 0 is left out. */
interface StoredForm extends Omit<SessionRecord, "metadata" | "old">, Partial<OldActivity> {
  readonly metadata?: JsonValue;
  readonly metadataVersion?: number;
}

function readOldActivity(given: StoredForm): OldActivity {
  return { updatedAt: readTime(given.updatedAt, "updatedAt"), ...optional(given, "closedAt", readTime) };
}

function readMetadata(given: StoredForm): StoredMetadata {
  const { metadata: value, metadataVersion } = given;
  if (value === undefined) throw new Error("a session without metadata");
  const version =
    "metadataVersion" in given
      ? readInteger(metadataVersion, "metadataVersion", 1, Number.MAX_SAFE_INTEGER)
      : 0;
  return { value, version };
}

/** Reads where a fork comes from. */
export function readForkOrigin(value: unknown, field: string): ForkOrigin {
  const { session, upTo } = readNamed(value, field, ["session", "upTo"]) as ForkOrigin;
  return {
    session: readName(session, "session"),
    upTo: readInteger(upTo, "upTo", 0, Number.MAX_SAFE_INTEGER),
  };
}

function readCreation(value: unknown): Creation {
  const { eventId, content } = readObject(value, "creation") as Creation;
  return {
    eventId: readText(eventId, "eventId", LIMITS.eventIdBytes),
    content: readText(content, "content", LIMITS.eventIdBytes),
  };
}
