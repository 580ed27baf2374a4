import type { EventId, NewRecord, SessionIdentity } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import {
  NO_CONTENT,
  type RedactedEntry,
  type RemovedEntries,
  type ValueEntry,
  writeEdited,
  writeRemoved,
} from "../typed/journal-entry.js";
import type { JournalPlaces } from "../typed/journal-places.js";
import { MAX_SCOPED_ID_BYTES } from "../typed/names.js";

/** An event to write as it is elsewhere, or numbers that were taken back. */
export type CopiedEntry = ValueEntry | RedactedEntry | RemovedEntries;

/** The event id of a copy. */
export interface CopyId {
  readonly eventId: EventId;
  /** The id of the event is in it. Otherwise the record names it. */
  readonly isOwn: boolean;
}

/**
 * The id that an append of the event would give it: the append that comes again is a duplicate, or refused if the event was
 * edited. `undefined` for an id that has no room.
 */
export function ownId(
  places: JournalPlaces,
  owner: SessionIdentity,
  entry: CopiedEntry,
): EventId | undefined {
  if (entry.is === "removed" || Buffer.byteLength(entry.id) > MAX_SCOPED_ID_BYTES) return undefined;
  return places.eventId(owner, entry.id);
}

/** The record of a copy: number, id, times and edits are those of the event. */
export async function copyOf(
  places: JournalPlaces,
  owner: SessionIdentity,
  entry: CopiedEntry,
  { eventId, isOwn }: CopyId,
): Promise<NewRecord> {
  const slot = { eventId, identity: owner, kind: places.kind(entry.number) };
  if (entry.is === "removed") return { ...slot, ...(await writeRemoved(entry.from)) };
  const { id, at } = entry;
  // The record has the time of the last edit, so that it is no larger than the one that is copied.
  const updatedAt = entry.is === "redacted" ? entry.redacted.at : (entry.replacedAt ?? at);
  const elsewhere = entry.is === "value" && entry.elsewhere && { elsewhere: entry.elsewhere };
  if (entry.is === "value" && !elsewhere && entry.replacedAt === undefined && isOwn)
    return { ...slot, bytes: entry.bytes, version: entry.version, updatedAt };
  const header = { id, ...(at.getTime() !== updatedAt.getTime() && { at: at.getTime() }) };
  if (entry.is === "redacted") {
    const { by, reason } = entry.redacted;
    return {
      ...slot,
      ...(await writeEdited({ ...header, redacted: { by, reason } }, NO_CONTENT)),
      updatedAt,
    };
  }
  const replaced = entry.replacedAt !== undefined && { replaced: true as const };
  return { ...slot, ...(await writeEdited({ ...header, ...replaced, ...elsewhere }, entry)), updatedAt };
}

/** An id that no other record has. */
export function freshId(): CopyId {
  return { eventId: newEventId(), isOwn: false };
}
