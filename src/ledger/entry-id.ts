import { invalid } from "../contract/errors.js";
import { newEventId } from "../process/event-id.js";
import { digestOf } from "../typed/names.js";
import { timeKey } from "../typed/time.js";

/** No session and no run is called this. */
const UNNAMED = "";

/** Two digests and a time with an id of its own. */
const ENTRY_ID = /^[\w-]{22}\/[\w-]{22}\/[\d-]{10}T[\d:.]{12}Z\.\w{26}$/;

/** What the ids of all entries of a session begin with, and of a run with `run`. */
export function entryPrefix(session: string, run?: string): string {
  return run === undefined ? `${digestOf(session)}/` : `${digestOf(session)}/${digestOf(run)}/`;
}

/** The id of an entry: by session and run, and in the order of time. */
export function entryId(
  { session = UNNAMED, run = UNNAMED }: { readonly session?: string; readonly run?: string },
  time: string,
): string {
  return entryPrefix(session, run) + time;
}

/** The id of an entry as it is kept elsewhere. INVALID_RECORD. */
export function readEntryId(value: unknown, field: string): string {
  if (typeof value === "string" && ENTRY_ID.test(value)) return value;
  throw invalid(field, "the id of an entry");
}

/** The end of a new entry's id. */
export function newTimeKey({ at }: { readonly at: number }): string {
  return `${timeKey(at)}.${newEventId()}`;
}

/** The end of an entry's id, which says when it was made and tells it apart. */
export function timeKeyOfEntry(id: string): string {
  return id.slice(id.lastIndexOf("/") + 1);
}
