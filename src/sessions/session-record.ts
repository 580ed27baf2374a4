import { LIMITS } from "../contract/limits.js";
import type { EventId } from "../contract/store.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { readTime } from "../validation/fields.js";
import { readInteger, readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";

/** The record of a session, stored in its own slot and as a copy in its user's index. Times in milliseconds. */
export interface SessionRecord {
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Present if the session is closed. */
  readonly closedAt?: number;
  readonly metadata: StoredMetadata;
  /** Present if the session was created with an event id. */
  readonly creation?: Creation;
}

/** The JSON that the metadata's codec wrote, and the codec's version. */
export interface StoredMetadata {
  readonly value: JsonValue;
  readonly version: number;
}

/** The call that created a session. */
export interface Creation {
  readonly eventId: EventId;
  /** The digest of the metadata. */
  readonly content: string;
}

export const SESSION_RECORD = mappedJson<SessionRecord>({
  write: ({ creation, metadata, ...record }) => ({
    ...record,
    metadata: metadata.value,
    ...(metadata.version > 0 && { metadataVersion: metadata.version }),
    ...(creation && { creation: { ...creation } }),
  }),
  read(value) {
    const given = readObject(value, "session") as StoredForm;
    return {
      createdAt: readTime(given.createdAt, "createdAt"),
      updatedAt: readTime(given.updatedAt, "updatedAt"),
      ...("closedAt" in given && { closedAt: readTime(given.closedAt, "closedAt") }),
      metadata: readMetadata(given),
      ...("creation" in given && { creation: readCreation(given.creation) }),
    };
  },
});

/** The stored form: a metadata version of 0 is left out. */
interface StoredForm extends Omit<SessionRecord, "metadata"> {
  readonly metadata?: JsonValue;
  readonly metadataVersion?: number;
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

function readCreation(value: unknown): Creation {
  const { eventId, content } = readObject(value, "creation") as Creation;
  return {
    eventId: readText(eventId, "eventId", LIMITS.eventIdBytes),
    content: readText(content, "content", LIMITS.eventIdBytes),
  };
}
