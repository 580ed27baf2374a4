import { mappedJson } from "../typed/codec.js";
import { optional, readTime } from "../validation/fields.js";
import { readBoolean, readObject } from "../validation/validate.js";
import { type ListedAt, readKeys, readListedAt } from "./activity.js";

/** What the entry of a session in a list says. The session itself is read where it is shown. */
export interface ListEntry {
  /** When the session was created. A later session of the same name has another time. */
  readonly createdAt: number;
  /** Its places in all lists, when the entry was written. That of its own list is right. */
  readonly listedAt: ListedAt;
  readonly isClosed: boolean;
  readonly isPinned: boolean;
  /** The keys of the fields by which it is listed; absent if there are none. */
  readonly fields?: readonly string[];
}

/** Version 0, of versions before 0.5, was a copy of the session's record. */
export const LIST_ENTRY = mappedJson<ListEntry>({
  version: 1,
  write: ({ createdAt, listedAt, isClosed, isPinned, fields }) => ({
    createdAt,
    listedAt: { ...listedAt },
    ...(isClosed && { isClosed }),
    ...(isPinned && { isPinned }),
    ...(fields && { fields: [...fields] }),
  }),
  read(value) {
    const given = readObject(value, "entry") as Stored;
    return {
      createdAt: readTime(given.createdAt, "createdAt"),
      listedAt: "updatedAt" in given ? readOldPlace(given) : readListedAt(given.listedAt),
      isClosed: "isClosed" in given ? readBoolean(given.isClosed, "isClosed") : isOldClosed(given),
      isPinned: "isPinned" in given ? readBoolean(given.isPinned, "isPinned") : false,
      ...optional(given, "fields", readKeys),
    };
  },
});

interface Stored extends Partial<ListEntry> {
  readonly updatedAt?: number;
  readonly closedAt?: number;
}

/** It is in the first list alone. */
function readOldPlace({ updatedAt }: Stored): ListedAt {
  const time = readTime(updatedAt, "updatedAt");
  return { updatedAt: time, lastEventAt: time };
}

function isOldClosed(given: Stored): boolean {
  return "closedAt" in given && readTime(given.closedAt, "closedAt") !== undefined;
}
