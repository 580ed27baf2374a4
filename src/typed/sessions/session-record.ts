import type { EventId } from "../../contract.js";
import { LIMITS } from "../../limits.js";
import { readInteger, readObject } from "../../validate.js";
import { readText } from "../../validate-text.js";
import { mappedJson } from "../codec.js";
import type { JsonValue } from "../json-value.js";

/** What is stored of a session: in its own slot, and as a copy in the index of its user. Times in milliseconds. */
export interface SessionRecord {
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Only of a closed one. */
  readonly closedAt?: number;
  readonly metadata: JsonValue;
  /** Only of one that was created with an event id. */
  readonly creation?: Creation;
}

/** The call that created a session. */
export interface Creation {
  readonly eventId: EventId;
  /** The digest of what was asked for. */
  readonly content: string;
}

export const SESSION_RECORD = mappedJson<SessionRecord>({
  write: ({ creation, ...record }) => ({ ...record, ...(creation && { creation: { ...creation } }) }),
  read(value) {
    const { metadata, ...given } = readObject(value, "session") as SessionRecord;
    if (metadata === undefined) throw new Error("a session without metadata");
    return {
      createdAt: readTime(given.createdAt, "createdAt"),
      updatedAt: readTime(given.updatedAt, "updatedAt"),
      ...("closedAt" in given && { closedAt: readTime(given.closedAt, "closedAt") }),
      metadata,
      ...("creation" in given && { creation: readCreation(given.creation) }),
    };
  },
});

function readCreation(value: unknown): Creation {
  const { eventId, content } = readObject(value, "creation") as Creation;
  return {
    eventId: readText(eventId, "eventId", LIMITS.eventIdBytes),
    content: readText(content, "content", LIMITS.eventIdBytes),
  };
}

function readTime(value: unknown, field: string): number {
  return readInteger(value, field, LIMITS.earliest, LIMITS.latest);
}
